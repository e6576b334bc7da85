-- Reads all of the log forward from behind a position.
-- $1, $2: between these positions, the first exclusive; $3: bytes after which to stop. Result: a row
-- with head, earliest position, bound of the scan (inclusive), epoch, no event, and whether its plan
-- lacks some of what is stored; then the events, in order, each in a row that has nothing else.
--
-- No value of a parameter may change the estimates: a plan that fits all is made once, while one for
-- these positions would be made anew for each page.
with asked as materialized (
    select $1::bigint as after, $2::bigint as through
),
lengths as not materialized (
    select e.position, apus.event_bytes(e) as bytes
    from apus.events e
    where e.position > (select a.after from asked a)
        and e.position <= (select a.through from asked a)
),
page as materialized (
    select case
        when w.bytes < $3::bigint then (select a.through from asked a)
        else (
            select min(s.position)
            from (
                select l.position, sum(l.bytes) over (order by l.position) as bytes
                from lengths l
            ) s
            where s.bytes >= $3
        )
    end as through
    from (select sum(l.bytes) as bytes from lengths l) w
)
select h.head, h.earliest, (select p.through from page p), h.epoch, null, null, null, null, null, null,
    null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
    null, null, h.stored > h.head
from apus.visible_bounds($1, $2) h
union all (
    select null, null, null, null, e.position, e.occurred_at, e.recorded_at, e.id, e.tenant_id,
        e.type_id,
        e.partition, e.kind, e.occurred_nanos, e.source, e.subject, e.partition_key,
        e.correlation_id, e.causation_id, e.user_id, e.session_id, e.request_id, e.channel,
        e.user_agent, e.ip_address, e.traceparent, e.tracestate, e.extra, e.data,
        null
    from apus.events e
    where e.position > (select a.after from asked a)
        and e.position <= (select p.through from page p)
    order by e.position
)
