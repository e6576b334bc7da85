-- Positions that a handler has taken up and not finished, oldest first.
-- $1 whether only with an open dead letter, $2 tenants (null: all), $3 after, $4 before, both
-- exclusive, $5 how many.
--
-- Each branch counts positions, not rows: several handlers may stand at one.
select u.position
from (
    (
        select d.position
        from apus.dead_letters d
        where d.resolved_at is null and d.position > $3 and d.position < $4
            -- One look into an index a row: an EXISTS would be planned as a join of whole tables.
            and (select true from apus.handlers h where h.consumer_id = d.consumer_id)
            and ($2::text[] is null or d.tenant_id = any (array(
                select t.id from apus.tenants t where t.name = any ($2::text[]))))
        group by d.position
        order by d.position
        limit $5
    )
    union all
    (
        select w.position
        from apus.work w
        where not $1::boolean and w.state <> 3 and w.position > $3 and w.position < $4
            and w.consumer_id = any (array(select h.consumer_id from apus.handlers h))
            and ($2::text[] is null or (
                select e.tenant_id = any (array(
                    select t.id from apus.tenants t where t.name = any ($2::text[])))
                from apus.events e
                where e.position = w.position))
        group by w.position
        order by w.position
        limit $5
    )
) u
group by u.position
order by u.position
limit $5
