-- Which partitions of a batch of work it was recorded for already. $1 consumer; one element a
-- partition: $2 partitions, $3 fences, $4 serials of the batch before. Partitions.
select p.partition
from apus.consumer_partitions p
join unnest($2::smallint[], $3::bigint[], $4::bigint[]) as h (partition, fence, serial)
    on p.partition = h.partition and p.fence = h.fence and p.serial = h.serial + 1
where p.consumer_id = $1
