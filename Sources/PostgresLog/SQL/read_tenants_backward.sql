-- Reads the history of some tenants backward, each through its own index.
-- $1, $2: between these positions, the first exclusive; $3: patterns of types, $4: tenants,
-- $5: subject prefix, $6: sources, $7: kinds (null: all); $8: most events; $9: bytes
-- after which to stop; $10: events of one tenant to look at before stopping. Result: head,
-- earliest position, bound of the scan (exclusive), epoch, then an event; one row with no event when
-- none matches. Last: whether its plan lacks some of what is stored.
--
-- Rows are compared, and ordered by tenant first, so that no plan but the index on tenant and
-- position fits: the planner cannot know a tenant with few events and might read the whole log.
-- Names become numbers in here: a tenant's first event and its number are seen together, or a
-- reader would pass the one for want of the other.
select h.head, h.earliest,
    case when coalesce(e.bytes_before, 0) + e.bytes >= $9 then e.position - 1 else h.bound end,
    h.epoch, e.position, e.occurred_at, e.recorded_at, e.id, e.tenant_id, e.type_id,
    e.partition, e.kind, e.occurred_nanos, e.source, e.subject, e.partition_key,
    e.correlation_id, e.causation_id, e.user_id, e.session_id, e.request_id, e.channel,
    e.user_agent, e.ip_address, e.traceparent, e.tracestate, e.extra, e.data,
    h.stored > h.head
from (
    select v.*,
        greatest($1, (
            select max(b.position)
            from apus.tenants t
            cross join lateral (
                select e.position
                from apus.events e
                where (e.tenant_id, e.position) > (t.id, $1)
                    and (e.tenant_id, e.position) <= (t.id, $2)
                order by e.tenant_id desc, e.position desc
                offset $10 limit 1
            ) b
            where t.name = any ($4::text[]))) as bound
    from apus.visible_bounds($1, $2) v
    -- Or the bound is looked for wherever it is named.
    offset 0
) h
left join lateral (
    select *, sum(m.bytes) over (
        order by m.position desc rows between unbounded preceding and 1 preceding) as bytes_before
    from (
        select e.*
        from apus.tenants t
        cross join lateral (
            select e.*, apus.event_bytes(e) as bytes
            from apus.events e
            where (e.tenant_id, e.position) > (t.id, h.bound)
                and (e.tenant_id, e.position) <= (t.id, $2)
                and ($3::text[] is null or e.type_id = any (
                    array(select m.id from apus.matching_types($3) m (id))))
                and ($5::text is null or starts_with(e.subject, $5))
                and ($6::text[] is null or e.source = any ($6))
                and ($7::smallint[] is null or e.kind = any ($7))
            order by e.tenant_id desc, e.position desc
            limit $8
        ) e
        where t.name = any ($4::text[])
        order by e.position desc
        limit $8
    ) m
) e on coalesce(e.bytes_before, 0) < $9
order by e.position desc
