-- Keeps a replay's targets. $1 replay; one element a target: $2 handlers, $3 events, $4 why left
-- out. No result.
insert into apus.replay_targets (replay_id, handler, events, skipped_reason)
select $1, t.handler, t.events, t.skipped_reason
from unnest($2::text[], $3::bigint[], $4::text[]) as t (handler, events, skipped_reason)
