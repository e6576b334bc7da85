-- The newest deliveries of dead letters. $1 consumers, $2 positions, $3 how many of each. For each
-- the ordinal of the dead letter, then as event_deliveries.sql, newest first.
select a.consumer, l.attempt, l.outcome, l.started_at, l.duration_us, l.error_message,
    l.retry_required, l.next_attempt_at, l.node, l.replay_id, a.ordinal
from (
    select a.position, a.consumer_id, apus.consumer_title(c.name) as consumer, a.ordinal
    from unnest($1::integer[], $2::bigint[]) with ordinality as a (consumer_id, position, ordinal)
    join apus.consumers c on c.id = a.consumer_id
) a
cross join lateral (
    select *
    from apus.ledger l
    where l.position = a.position and l.consumer_id = a.consumer_id
    order by l.id desc
    limit $3
) l
order by a.ordinal, l.id desc
