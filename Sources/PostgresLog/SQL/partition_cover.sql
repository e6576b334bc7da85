-- Tells appends of a new partition, after it was committed. $1: the last position covered.
update apus.log_head set covered_through = $1 where covered_through < $1
