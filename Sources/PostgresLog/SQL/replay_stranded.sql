-- Open targets whose handler no live node has. $1 how many. Replays and handlers, the oldest replay
-- first.
select r.id, t.handler
from apus.replays r
cross join lateral (
    -- The limit keeps the planner from reading the targets of all replays.
    select a.handler
    from apus.replay_targets a
    where a.replay_id = r.id and a.skipped_reason = '' and a.position < (
        select max(k.last_position) from apus.replay_chunks k where k.replay_id = r.id)
    order by a.handler
    limit 1000
) t
where r.state in (1, 2) and not exists (
    select from apus.handlers h
    join apus.consumer_members m on m.consumer_id = h.consumer_id
    join apus.consumer_nodes n on n.node = m.node and n.expires_at > clock_timestamp()
    where h.name = t.handler)
order by r.id, t.handler
limit $1
