-- Forgets a handler that handler_lock.sql has locked: all but its lines in the ledger, and the rows of
-- a projection. $1 consumer, $2 handler, $3 who did so, as the ledger is to say. One row: lanes,
-- events that were not finished, replays that had still to hand it something.
with gone as (
    delete from apus.handlers where consumer_id = $1
), members as (
    delete from apus.consumer_members where consumer_id = $1
), partitions as (
    delete from apus.consumer_partitions where consumer_id = $1
), lanes as (
    delete from apus.consumer_lanes where consumer_id = $1 returning 1
), work as (
    delete from apus.work where consumer_id = $1 returning state <> 3 and not revived as is_open
), unfinished as (
    delete from apus.unfinished where consumer_id = $1
), replays as (
    update apus.replay_targets t
    set skipped_reason = 'the handler was forgotten'
    from apus.replays r
    where t.replay_id = r.id and r.state in (1, 2) and t.handler = $2 and t.skipped_reason = ''
    returning 1
), closed as (
    update apus.dead_letters d
    set resolved_at = clock_timestamp(), resolution = 2
    where d.consumer_id = $1 and d.resolved_at is null
    returning d.position
), told as (
    insert into apus.ledger
        (position, consumer_id, attempt, outcome, started_at, duration_us, error_message, node)
    select c.position, $1, coalesce((
            select max(l.attempt) from apus.ledger l
            where l.position = c.position and l.consumer_id = $1), 1),
        8, clock_timestamp(), 0, 'the handler was forgotten', $3
    from closed c
)
select (select count(*) from lanes), (select count(*) from work where is_open),
    (select count(*) from replays)
