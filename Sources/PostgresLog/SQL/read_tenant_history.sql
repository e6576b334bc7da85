-- Reads the history of one tenant forward, with no filter, through its index.
-- $1, $2: between these positions, the first exclusive; $3: tenant; $4: most events; $5: bytes after
-- which to stop. Result: as of read_history.sql.
--
-- Rows are compared, and ordered by tenant first, so that no plan but the index on tenant and
-- position fits; and no value of a parameter changes the estimates. Such a comparison tells an index
-- where to begin and never where to stop: a limit does that, and what it brings in excess is dropped
-- afterwards.
with asked as materialized (
    select $1::bigint as after, $2::bigint as through,
        greatest(1, least($4::bigint, $2 - $1)) as most,
        (select t.id from apus.tenants t where t.name = $3::text) as tenant
),
lengths as not materialized (
    select e.position, e.bytes
    from (
        select e.position, apus.event_bytes(e) as bytes
        from apus.events e
        where (e.tenant_id, e.position)
                > ((select a.tenant from asked a), (select a.after from asked a))
            and e.tenant_id <= (select a.tenant from asked a)
        order by e.tenant_id, e.position
        limit (select a.most from asked a)
    ) e
    where e.position <= (select a.through from asked a)
),
summed as materialized (
    select l.position, sum(l.bytes) over w as bytes, row_number() over w as count
    from lengths l
    window w as (order by l.position rows unbounded preceding)
),
page as materialized (
    select s.position, s.count
    from (select coalesce(sum(l.bytes), 0) as bytes from lengths l) w
    cross join lateral (
        select a.through as position, a.most as count
        from asked a
        where w.bytes < $5::bigint
        union all (
            select s.position, s.count
            from summed s
            where w.bytes >= $5 and s.bytes >= $5
            order by s.position
            limit 1
        )
    ) s
)
select h.head, h.earliest, (select p.position from page p), h.epoch, null, null, null, null, null,
    null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
    null, null, null, h.stored > h.head
from apus.visible_bounds($1, $2) h
union all (
    select null, null, null, null, e.position, e.occurred_at, e.recorded_at, e.id, e.tenant_id,
        e.type_id,
        e.partition, e.kind, e.occurred_nanos, e.source, e.subject, e.partition_key,
        e.correlation_id, e.causation_id, e.user_id, e.session_id, e.request_id, e.channel,
        e.user_agent, e.ip_address, e.traceparent, e.tracestate, e.extra, e.data,
        null
    from (
        select *
        from apus.events e
        where (e.tenant_id, e.position)
                > ((select a.tenant from asked a), (select a.after from asked a))
            and e.tenant_id <= (select a.tenant from asked a)
        order by e.tenant_id, e.position
        limit (select p.count from page p)
    ) e
    where e.position <= (select p.position from page p)
    order by e.tenant_id, e.position
)
