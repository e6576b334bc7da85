-- Reads the history of some tenants, or of one through a filter, forward, each through its own index.
-- $1, $2: between these positions, the first exclusive; $3: patterns of types, $4: tenants,
-- $5: subject prefix, $6: sources, $7: kinds (null: all); $8: most events; $9: bytes after which to
-- stop; $10: events of these tenants to look at before stopping. Result: as of read_history.sql, but
-- with the bound of the scan (inclusive), and once more beside the last event where the page ended
-- with its bytes.
--
-- How many of each tenant's events are looked at is found in the index alone: about the comparisons
-- see read_tenant_history.sql. Rows are copied to be weighed: where a filter leaves few, that costs less
-- than to filter twice, and several tenants are seldom read together with none.
-- Names become numbers in here: a tenant's first event and its number are seen together, or a
-- reader would pass the one for want of the other.
with asked as materialized (
    select $1::bigint as after, $2::bigint as through,
        case when $3::text[] is not null then
            array(select m.id from apus.matching_types($3) m (id))
        end as types,
        $4::text[] as names, $5::text as prefix, $6::text[] as sources, $7::smallint[] as kinds,
        $8::bigint as most, greatest(1, least($10::bigint, $2 - $1)) as look
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
        limit (select a.look from asked a)
    ) e
),
looked as materialized (
    select least(
        (select a.through from asked a),
        (
            select n.position
            from nearest n
            order by n.position
            offset (select a.look - 1 from asked a)
            limit 1
        )) as through
),
shares as materialized (
    select n.id, count(*) as look
    from nearest n
    where n.position <= (select l.through from looked l)
    group by n.id
)
select h.head, h.earliest, (select l.through from looked l), h.epoch, null, null, null, null, null,
    null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
    null, null, null, h.stored > h.head
from apus.visible_bounds($1, $2) h
union all (
    select null, null,
        case when coalesce(e.bytes_before, 0) + e.bytes >= $9 then e.position end,
        null, e.position, e.occurred_at, e.recorded_at, e.id, e.tenant_id,
        e.type_id,
        e.partition, e.kind, e.occurred_nanos, e.source, e.subject, e.partition_key,
        e.correlation_id, e.causation_id, e.user_id, e.session_id, e.request_id, e.channel,
        e.user_agent, e.ip_address, e.traceparent, e.tracestate, e.extra, e.data,
        null
    from (
        select *, sum(m.bytes) over (
            order by m.position rows between unbounded preceding and 1 preceding) as bytes_before
        from (
            select e.*
            from shares s
            cross join lateral (
                select e.*, apus.event_bytes(row(e.*)::apus.events) as bytes
                from (
                    select *
                    from apus.events e
                    where (e.tenant_id, e.position) > (s.id, (select a.after from asked a))
                        and e.tenant_id <= s.id
                    order by e.tenant_id, e.position
                    limit s.look
                ) e
                where ((select a.types from asked a) is null
                        or e.type_id = any ((select a.types from asked a)::integer[]))
                    and ((select a.prefix from asked a) is null
                        or starts_with(e.subject, (select a.prefix from asked a)))
                    and ((select a.sources from asked a) is null
                        or e.source = any ((select a.sources from asked a)::text[]))
                    and ((select a.kinds from asked a) is null
                        or e.kind = any ((select a.kinds from asked a)::smallint[]))
                order by e.tenant_id, e.position
                limit (select a.most from asked a)
            ) e
            order by e.position
            limit (select a.most from asked a)
        ) m
    ) e
    where coalesce(e.bytes_before, 0) < $9
    order by e.position
)
