-- How far partitions are made ahead. No parameters. Result: positions left in them, positions in
-- a new one, head of the log.
select h.covered_through - a.head, h.partition_size, a.head
from apus.log_head h
cross join (select max(a.last_position) as head from apus.appends a) a
