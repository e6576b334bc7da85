-- Where a replay is. $1 id, $2 handler. One row: state, fencing number, the target's cursor or
-- null; none when it is unknown.
select r.state, r.fence, t.position
from apus.replays r
left join apus.replay_targets t on t.replay_id = r.id and t.handler = $2
where r.id = $1
