-- Takes the partitions up to a position out of the log. $1: the position. Result: one row for each
-- consumer that was moved behind it: its name, where it was.
select s.consumer, s.position from apus.expire_partitions($1) s
