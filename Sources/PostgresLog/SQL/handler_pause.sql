-- Pauses or resumes a handler. $1 handler, $2 whether it is paused. One row; none when there is none.
update apus.handlers
set paused = $2, version = version + case when paused = $2 then 0 else 1 end
where name = $1
returning 1
