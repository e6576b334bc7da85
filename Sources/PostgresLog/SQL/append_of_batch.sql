-- Finds the append that carried a batch. $1: batch id, $2: a position before it. Result: no row
-- when it was never committed, else its first and last position.
select a.first_position, a.last_position
from apus.appends a
where a.last_position > $2 and a.batch = $1
