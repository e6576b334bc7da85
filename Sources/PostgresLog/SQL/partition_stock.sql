-- What the size of a new partition follows from. $1: a moment (null: no matter). Result: events
-- stored, bytes they take on disk with their indexes, events recorded since the moment, positions
-- in a new partition as it is.
select a.head - coalesce(p.first, a.head + 1) + 1, coalesce(p.bytes, 0)::bigint,
    a.head - coalesce(apus.position_before($1), a.head), h.partition_size
from apus.log_head h
cross join (select max(a.last_position) as head from apus.appends a) a
cross join (
    select min(p.first_position) as first,
        sum(
            pg_total_relation_size(to_regclass(format('apus.%I', p.name)))
            + coalesce(pg_total_relation_size(
                to_regclass(format('apus.payloads_from_%s', p.first_position))), 0)) as bytes
    from apus.event_partitions p
) p
