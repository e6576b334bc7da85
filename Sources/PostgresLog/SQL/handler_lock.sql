-- Keeps everybody from recording work of a handler and from making it known, and retention from
-- dropping events. $1 handler. One row: its consumer, how that is called; none when there is none.
with kept as materialized (
    select apus.share_partitions()
), handler as materialized (
    select h.consumer_id from kept, apus.handlers h where h.name = $1 for update of h
), partitions as materialized (
    select p.partition
    from handler h
    join apus.consumer_partitions p on p.consumer_id = h.consumer_id
    order by p.partition
    for no key update of p
)
select c.id, c.name
from handler h
join apus.consumers c on c.id = h.consumer_id
cross join (select count(*) from partitions) p
