-- The targets that are not left out and not at the plan's end. $1 replay. Handler, cursor, whether
-- the handler is paused.
select t.handler, t.position, coalesce(h.paused, false)
from apus.replay_targets t
left join apus.handlers h on h.name = t.handler
where t.replay_id = $1 and t.skipped_reason = '' and t.position < (
    select max(k.last_position) from apus.replay_chunks k where k.replay_id = $1)
order by t.handler
