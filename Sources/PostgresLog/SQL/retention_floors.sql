-- Consumers that still need events up to a position. $1: the position. Result: name, and behind
-- which position; who is furthest behind comes first.
select f.consumer, f.position
from (
    select f.consumer, f.position from apus.consumer_floors f
    union all
    -- A trail that nobody has written for a day holds nothing back.
    select 'audit', h.position
    from apus.audit_head h
    join apus.leases l on l.name = 'audit' and l.expires_at > clock_timestamp() - interval '1 day'
) f
where f.position < $1
order by f.position, f.consumer
limit 100
