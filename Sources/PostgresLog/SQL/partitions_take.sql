-- Takes partitions that nobody alive holds, or that the node itself held. $1 consumer, $2 node,
-- $3 partitions. One row each: partition, fence, serial, cursor.
select t.partition, t.fence, t.serial, t.position from apus.take_partitions($1, $2, $3) t
