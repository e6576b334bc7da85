-- Writes the ledger for a replay. $1 handler, $2 node, $3 replay; one element a run: $4 positions,
-- $5 attempts, $6 outcomes, $7 starts, $8 microseconds, $9 errors. No result.
insert into apus.ledger
    (position, consumer_id, attempt, outcome, started_at, duration_us, error_message, node,
    replay_id)
select r.position, h.consumer_id, r.attempt, r.outcome, r.started_at, r.duration_us, r.error_message, $2,
    $3
from apus.handlers h, unnest(
    $4::bigint[], $5::integer[], $6::smallint[], $7::timestamptz[], $8::bigint[], $9::text[])
    as r (position, attempt, outcome, started_at, duration_us, error_message)
where h.name = $1
