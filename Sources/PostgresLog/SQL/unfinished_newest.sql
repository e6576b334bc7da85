-- Positions that a handler has not finished though its cursor is past them, newest first.
-- $1 whether only with an open dead letter, $2 tenants (null: all), $3 after, $4 before, both
-- exclusive, $5 how many.
select u.position
from apus.unfinished u
where u.position > $3 and u.position < $4
    -- One look into the index a row: an EXISTS would be planned as a scan of all dead letters.
    and (not $1::boolean or (
        select true from apus.dead_letters d
        where d.position = u.position and d.consumer_id = u.consumer_id
            and d.resolved_at is null
        limit 1))
    and ($2::text[] is null or u.tenant_id = any (array(
        select t.id from apus.tenants t where t.name = any ($2::text[]))))
group by u.position
order by u.position desc
limit $5
