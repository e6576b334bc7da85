-- Keeps everybody from recording work of a group, and retention from dropping events. $1 tenant,
-- $2 name. No result of interest.
with kept as materialized (
    select pg_advisory_xact_lock_shared(5053001, 1)
)
select 1
from kept, apus.consumer_partitions p
join apus.groups g on g.consumer_id = p.consumer_id
where g.tenant = $1 and g.name = $2
order by p.partition
for no key update of p
