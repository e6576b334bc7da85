-- Adds payloads. $1: fence, $2: the position behind which they begin, $3: their positions, $4: JSON.
-- Result: how many events are still to come; no row: somebody else writes by now.
select k from apus.keep_payloads($1, $2, $3, $4) as k
