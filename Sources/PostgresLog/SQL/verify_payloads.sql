-- What is wrong with apus.event_payloads in a stretch of the log. $1: positions of its events, $2: for
-- each whether its payload is known, $3: the payload as JSON, null: it has none; $4, $5: the stretch,
-- the first exclusive. Result: position, what is wrong; at most 1,000. Behind where the payloads are
-- written nothing is missed.
with known as (
    select coalesce((select h.position from apus.payload_head h), 0) as written,
        coalesce(
            (select min(p.first_position) from apus.event_partitions p),
            (select max(a.last_position) + 1 from apus.appends a)) as earliest
), wanted as (
    select n.position, n.is_known, n.payload
    from unnest($1::bigint[], $2::boolean[], $3::text[]) as n (position, is_known, payload)
    cross join known k
    where n.position between k.earliest and k.written
)
select c.position, c.problem
from (
    select e.position, case
        when p.position is null then 'it has no row in apus.event_payloads'
        when (p.recorded_at, p.id, p.tenant_id, p.type_id, p.partition, p.source, p.request_id,
                p.correlation_id)
            is distinct from (e.recorded_at, e.id, e.tenant_id, e.type_id, e.partition, e.source,
                e.request_id, e.correlation_id)
            then 'its row in apus.event_payloads is of another event'
        when not w.is_known or p.payload is not distinct from apus.jsonb_or_null(w.payload)
            then null
        when p.payload is null then 'its row in apus.event_payloads has no payload'
        else 'its row in apus.event_payloads has another payload'
        end as problem
    from wanted w
    join apus.events e on e.position = w.position
    left join apus.event_payloads p on p.position = w.position
) c
where c.problem is not null
union all
select p.position, case
    when p.position > k.written then format(
        'apus.event_payloads has a row, and is written up to %s', k.written)
    else 'apus.event_payloads has a row of it, and it is not there'
    end
from apus.event_payloads p
cross join known k
where p.position > $4 and p.position <= $5 and p.position >= k.earliest
    and (p.position > k.written
        or not exists (select from apus.events e where e.position = p.position))
order by 1
limit 1000
