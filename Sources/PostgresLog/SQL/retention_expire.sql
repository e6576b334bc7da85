-- Takes the partitions up to a position out of the log. $1: the position, $2: up to where no consumer
-- is asked. Result: one row for each consumer that was moved behind it: its name, where it was. Or a
-- row with null and a position: somebody needs what is behind that, and nothing was done.
select s.consumer, s.position from apus.expire_partitions($1, $2) s
