-- What retention decides by. No parameters. Result: one row a partition, oldest first: first and
-- last position, time of its last event (null: it has room left), bytes on disk
-- with its indexes and payloads as JSON.
select p.first_position, p.last_position,
    case when p.last_position <= h.head then (
        select e.recorded_at from apus.events e where e.position = p.last_position
    ) end,
    coalesce(pg_total_relation_size(to_regclass(format('apus.%I', p.name))), 0)
        + coalesce(pg_total_relation_size(
            to_regclass(format('apus.payloads_from_%s', p.first_position))), 0)
from apus.event_partitions p
cross join (select max(a.last_position) as head from apus.appends a) h
order by p.first_position
