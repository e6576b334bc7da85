-- Takes partitions that nobody alive holds, or that the node itself held. $1 consumer, $2 node,
-- $3 partitions, $4 the version of the consumer that the node knows: none are taken by another.
-- One row each: partition, fence, serial, cursor.
select t.partition, t.fence, t.serial, t.position from apus.take_partitions($1, $2, $3, $4) t
