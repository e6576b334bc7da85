-- Every handler with its patterns. No parameters. One row a pattern, by handler: name, whether it has
-- external side effects, up to where it has taken everything up, the pattern, after which position
-- that counts.
select h.name, h.external_side_effects,
    least(
        coalesce((
            select min(c.position) from apus.consumer_partitions c
            where c.consumer_id = h.consumer_id), h.position),
        (select min(l.position) from apus.consumer_lanes l where l.consumer_id = h.consumer_id)),
    p.pattern, p.counts_after
from apus.handlers h
join apus.handler_patterns p on p.consumer_id = h.consumer_id
order by h.name, p.pattern
