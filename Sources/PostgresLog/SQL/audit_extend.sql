-- Adds events to the audit trail. $1: fencing number, $2: most events. Result: the trail's position,
-- rows and hash, the log's head, whether the next event is missing, since where events were dropped
-- unaudited (null: none); no row when somebody has a higher number.
select e.position, e.rows, e.hash, e.head, e.is_missing, e.dropped_since
from apus.extend_audit($1, $2) e
