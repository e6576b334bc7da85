-- Reads the history of several tenants forward, with no filter, each through its own index.
-- $1, $2: between these positions, the first exclusive; $3: tenants; $4: most events; $5: bytes after
-- which to stop. Result: as of read_history.sql.
--
-- How far a page may reach is found in the index alone, and how many of each tenant's events that
-- are: no more rows are touched. About the comparisons see read_tenant_history.sql.
with asked as materialized (
    select $1::bigint as after, $2::bigint as through, $3::text[] as names,
        greatest(1, least($4::bigint, $2 - $1)) as most
),
tenants as materialized (
    select t.id
    from apus.tenants t
    where t.name = any ((select a.names from asked a)::text[])
),
nearest as materialized (
    select t.id, e.position
    from tenants t
    cross join lateral (
        select e.position
        from apus.events e
        where (e.tenant_id, e.position) > (t.id, (select a.after from asked a))
            and e.tenant_id <= t.id
        order by e.tenant_id, e.position
        limit (select a.most from asked a)
    ) e
),
reach as materialized (
    select least(
        (select a.through from asked a),
        (
            select n.position
            from nearest n
            order by n.position
            offset (select a.most - 1 from asked a)
            limit 1
        )) as through
),
shares as materialized (
    select n.id, count(*) as most
    from nearest n
    where n.position <= (select r.through from reach r)
    group by n.id
),
lengths as not materialized (
    select e.position, e.bytes
    from shares s
    cross join lateral (
        select e.position, apus.event_bytes(e) as bytes
        from apus.events e
        where (e.tenant_id, e.position) > (s.id, (select a.after from asked a))
            and e.tenant_id <= s.id
        order by e.tenant_id, e.position
        limit s.most
    ) e
),
summed as materialized (
    select l.position, sum(l.bytes) over (order by l.position rows unbounded preceding) as bytes
    from lengths l
),
page as materialized (
    select case
        when w.bytes < $5::bigint then (select r.through from reach r)
        else (select min(s.position) from summed s where s.bytes >= $5)
    end as through
    from (select coalesce(sum(l.bytes), 0) as bytes from lengths l) w
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
    from (
        select n.id, count(*) as most
        from nearest n
        where n.position <= (select p.through from page p)
        group by n.id
    ) s
    cross join lateral (
        select *
        from apus.events e
        where (e.tenant_id, e.position) > (s.id, (select a.after from asked a))
            and e.tenant_id <= s.id
        order by e.tenant_id, e.position
        limit s.most
    ) e
    order by e.position
)
