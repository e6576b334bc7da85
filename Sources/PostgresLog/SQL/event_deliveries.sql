-- The newest deliveries of an event. $1 position, $2 how many. Newest first.
select apus.consumer_title(c.name), l.attempt, l.outcome, l.started_at, l.duration_us, l.error_message,
    l.retry_required, l.next_attempt_at, l.node, l.replay_id
from apus.ledger l
join apus.consumers c on c.id = l.consumer_id
where l.position = $1
order by l.id desc
limit $2
