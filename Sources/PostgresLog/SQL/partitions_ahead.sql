-- How far partitions are made ahead. No parameters. Result: positions left in them, positions in
-- a new one.
select h.covered_through - (select max(a.last_position) from apus.appends a), h.partition_size
from apus.log_head h
