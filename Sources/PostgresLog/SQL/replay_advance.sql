-- Moves a target's cursor, unless the replay is over or was taken over. $1 replay, $2 fencing
-- number, $3 handler, $4 cursor before, $5 cursor after, $6 more done, $7 more failed.
-- One row when it moved.
update apus.replay_targets t
set position = $5, done = t.done + $6, failed = t.failed + $7
from (
    select id from apus.replays where id = $1 and fence = $2 and state = 2 for share
) r
where t.replay_id = r.id and t.handler = $3 and t.position = $4
returning 1
