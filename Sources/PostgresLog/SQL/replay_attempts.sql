-- How often a replay has handed an event to a handler. $1 replay, $2 handler, $3 position. One row.
select coalesce(max(l.attempt), 0)
from apus.ledger l
join apus.handlers h on h.consumer_id = l.consumer_id
where l.position = $3 and l.replay_id = $1 and h.name = $2
