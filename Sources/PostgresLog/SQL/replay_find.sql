-- One replay of a tenant, by id or request id. $1 tenant, $2 id or null, $3 request id or null.
-- One row a target (at least one): the replay, then the target or nulls.
select r.id, r.state, r.matched, r.started_at, r.finished_at, r.reason, t.handler, t.events, t.done,
    t.failed, t.skipped_reason
from apus.replays r
left join apus.replay_targets t on t.replay_id = r.id
where r.tenant = $1 and (r.id = $2 or r.request_id = $3)
order by t.handler
