-- $1: a moment. Result: the position to read after to see all that was recorded then or later.
select apus.position_before($1)
