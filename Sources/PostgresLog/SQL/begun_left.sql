-- Up to where former holders may have begun with work that has no row. $1 consumer, $2 partitions.
-- Partition, position; those of which that is known.
select p.partition, p.begun
from apus.consumer_partitions p
where p.consumer_id = $1 and p.partition = any ($2::smallint[]) and p.begun is not null
