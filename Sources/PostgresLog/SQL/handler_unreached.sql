-- Which events a handler has still to be handed for the first time, or is at. $1 handler; one element
-- an event: $2 positions, $3 partitions, $4 tenants, $5 partition keys. Positions.
select a.position
from unnest($2::bigint[], $3::smallint[], $4::text[], $5::text[])
    as a (position, partition, tenant, key)
join apus.handlers h on h.name = $1
left join apus.consumer_partitions p
    on p.consumer_id = h.consumer_id and p.partition = a.partition
left join apus.work w
    on w.consumer_id = h.consumer_id and w.partition = a.partition and w.position = a.position
where coalesce(p.position, h.position) < a.position
    or (w.position is not null and w.state <> 3 and not w.revived)
    or (w.position is null and exists (
        select from apus.consumer_lanes l
        where l.consumer_id = h.consumer_id and l.partition = a.partition and l.tenant = a.tenant
            and l.key in ('', a.key) and l.position < a.position))
