-- Moves a handler's cursor and writes the ledger, unless the handler was taken over.
-- $1 handler, $2 fencing number, $3 cursor before, $4 cursor after, $5 node; one element a run:
-- $6 positions, $7 attempts, $8 outcomes, $9 starts, $10 microseconds, $11 errors.
-- The commit does not wait for the disk: cursor, ledger, dead letters and projections' rows are lost
-- together in a crash, and the events are then handled again.
-- One row when it moved; none when it was not where it should be, or the number is another.
with moved as (
    update apus.handlers set position = $4
    where name = $1 and fence = $2 and position = $3
    returning consumer_id
), written as (
    insert into apus.ledger
        (position, consumer_id, attempt, outcome, started_at, duration_us, error_message, node)
    select r.position, m.consumer_id, r.attempt, r.outcome, r.started_at, r.duration_us,
        r.error_message, $5
    from moved m, unnest(
        $6::bigint[], $7::integer[], $8::smallint[], $9::timestamptz[], $10::bigint[],
        $11::text[])
        as r (position, attempt, outcome, started_at, duration_us, error_message)
)
select consumer_id, set_config('synchronous_commit', 'off', true) from moved
