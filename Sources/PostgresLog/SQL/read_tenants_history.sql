-- Reads the history of some tenants forward, with no filter, each through its own index.
-- $1, $2: between these positions, the first exclusive; $3: tenants; $4: most events; $5: bytes after
-- which to stop. Result: as of read_history.sql.
--
-- Rows are compared, and ordered by tenant first, so that no plan but the index on tenant and
-- position fits; and no value of a parameter changes the estimates. How far a page of several may
-- reach is found in the index alone, so that no more rows are touched than it can have.
with asked as materialized (
    select $1::bigint as after, $2::bigint as through, $3::text[] as names, $4::bigint as most
),
tenants as materialized (
    select t.id
    from apus.tenants t
    where t.name = any ((select a.names from asked a)::text[])
),
reach as materialized (
    select coalesce(
        case
            when (select count(*) from tenants) > 1 then (
                select e.position
                from tenants t
                cross join lateral (
                    select e.position
                    from apus.events e
                    where (e.tenant_id, e.position) > (t.id, (select a.after from asked a))
                        and (e.tenant_id, e.position) <= (t.id, (select a.through from asked a))
                    order by e.tenant_id, e.position
                    limit (select a.most from asked a)
                ) e
                order by e.position
                offset (select a.most - 1 from asked a)
                limit 1
            )
        end,
        (select a.through from asked a)) as through
),
lengths as not materialized (
    select e.position, e.bytes
    from tenants t
    cross join lateral (
        select e.position, apus.event_bytes(e) as bytes
        from apus.events e
        where (e.tenant_id, e.position) > (t.id, (select a.after from asked a))
            and (e.tenant_id, e.position) <= (t.id, (select r.through from reach r))
        order by e.tenant_id, e.position
        limit (select a.most from asked a)
    ) e
),
page as materialized (
    select case
        when w.bytes < $5::bigint then (select r.through from reach r)
        else (
            select min(s.position)
            from (
                select l.position, sum(l.bytes) over (order by l.position) as bytes
                from lengths l
            ) s
            where s.bytes >= $5
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
    from tenants t
    cross join lateral (
        select *
        from apus.events e
        where (e.tenant_id, e.position) > (t.id, (select a.after from asked a))
            and (e.tenant_id, e.position) <= (t.id, (select p.through from page p))
        order by e.tenant_id, e.position
        limit (select a.most from asked a)
    ) e
    order by e.position
)
