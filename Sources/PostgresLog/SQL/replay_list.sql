-- A tenant's replays, newest first. $1 tenant, $2 before this id (exclusive; null: from the newest),
-- $3 how many. One row a target (at least one a replay): the replay, then the target or nulls.
select r.id, r.state, r.matched, r.started_at, r.finished_at, r.reason, t.handler, t.events, t.done,
    t.failed, t.skipped_reason
from (
    select * from apus.replays
    where tenant = $1 and id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
    order by id desc
    limit $3
) r
left join lateral (
    -- The limit keeps the planner from reading the targets of all replays.
    select * from apus.replay_targets a where a.replay_id = r.id order by a.handler limit 1000
) t on true
order by r.id desc, t.handler
