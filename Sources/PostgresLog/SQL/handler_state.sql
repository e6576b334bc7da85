-- Where a handler is. $1 handler. One row: cursor, fencing number; none when it is unknown.
select position, fence from apus.handlers where name = $1
