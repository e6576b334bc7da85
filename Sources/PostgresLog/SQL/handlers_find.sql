-- Handlers. $1 names. One row each: name, consumer, version, whether it is paused, the consumer's
-- name.
select h.name, h.consumer_id, h.version, h.paused, c.name
from apus.handlers h
join apus.consumers c on c.id = h.consumer_id
where h.name = any ($1::text[])
