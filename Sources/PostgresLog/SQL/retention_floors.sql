-- Who still needs events up to a position, consumers and the audit trail. $1: the position. Result:
-- name, and behind which position; who is furthest behind comes first.
select f.consumer, f.position
from apus.retention_floors f
where f.position < $1
order by f.position, f.consumer
limit 100
