-- Reads the history of one tenant forward, with no filter, through its index.
-- $1, $2: between these positions, the first exclusive; $3: tenant; $4: most events; $5: bytes after
-- which to stop. Result: as of read_history.sql.
--
-- Rows are compared, and ordered by tenant first, so that no plan but the index on tenant and
-- position fits; and no value of a parameter changes the estimates. Such a comparison tells an index
-- where to begin and never where to stop: a limit does that.
with asked as materialized (
    select $1::bigint as after, $2::bigint as through,
        least($4::bigint, greatest($2 - $1, 1)) as most,
        (select t.id from apus.tenants t where t.name = $3::text) as tenant
),
-- Of a page that ends before the log does, what is in excess may be most of it: it is counted first,
-- in the index alone.
bounded as materialized (
    select case
        when a.through = 9007199254740991 then a.most
        else (
            select count(*)
            from (
                select e.position
                from apus.events e
                where (e.tenant_id, e.position) > (a.tenant, a.after) and e.tenant_id <= a.tenant
                order by e.tenant_id, e.position
                limit (select b.most from asked b)
            ) e
            where e.position <= a.through
        )
    end as most
    from asked a
),
lengths as not materialized (
    select e.position, apus.event_bytes(e) as bytes
    from apus.events e
    where (e.tenant_id, e.position)
            > ((select a.tenant from asked a), (select a.after from asked a))
        and e.tenant_id <= (select a.tenant from asked a)
    order by e.tenant_id, e.position
    limit (select b.most from bounded b)
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
        select a.through as position, b.most as count
        from asked a, bounded b
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
    from apus.events e
    where (e.tenant_id, e.position)
            > ((select a.tenant from asked a), (select a.after from asked a))
        and e.tenant_id <= (select a.tenant from asked a)
    order by e.tenant_id, e.position
    limit (select p.count from page p)
)
