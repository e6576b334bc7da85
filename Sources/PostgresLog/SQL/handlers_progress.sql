-- Every handler with its patterns. No parameters. One row a pattern, by handler.
select h.name, h.external_side_effects, h.position, p.pattern, p.counts_after
from apus.handlers h
join apus.handler_patterns p on p.consumer_id = h.consumer_id
order by h.name, p.pattern
