-- Which partitions of a batch of work it was recorded for already; until the transaction ends, it is
-- recorded for no other. $1 consumer; one element a partition: $2 partitions, $3 fences, $4 serials of
-- the batch before. Partitions.
select p.partition
from (
    select c.partition, c.fence, c.serial
    from apus.consumer_partitions c
    where c.consumer_id = $1 and c.partition = any ($2::smallint[])
    order by c.partition
    for no key update
) p
join unnest($2::smallint[], $3::bigint[], $4::bigint[]) as h (partition, fence, serial)
    on p.partition = h.partition and p.fence = h.fence and p.serial = h.serial + 1
