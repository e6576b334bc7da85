-- The lanes of partitions. $1 consumer, $2 partitions. Partition, tenant, key (empty: the whole
-- tenant), position.
select l.partition, l.tenant, l.key, l.position
from apus.consumer_lanes l
where l.consumer_id = $1 and l.partition = any ($2::smallint[])
