-- Handlers. $1 names. One row each: name, consumer, version, whether it is paused.
select h.name, h.consumer_id, h.version, h.paused
from apus.handlers h
where h.name = any ($1::text[])
