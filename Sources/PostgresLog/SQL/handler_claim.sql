-- Lets results with an older fencing number be refused. $1 handler, $2 fencing number.
-- One row with the cursor; none when a newer number was seen.
update apus.handlers set fence = $2 where name = $1 and fence <= $2 returning position
