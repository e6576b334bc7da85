-- Keeps everybody from recording work of a group, and retention from dropping events. $1 tenant,
-- $2 name. No result of interest.
with kept as materialized (
    select apus.share_partitions()
)
select 1
from kept, apus.consumer_partitions p
join apus.groups g on g.consumer_id = p.consumer_id
where g.tenant = $1 and g.name = $2
order by p.partition
for no key update of p
