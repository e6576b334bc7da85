-- Reads the log backward from a position.
-- $1, $2: between these positions, the first exclusive; $3: patterns of types, $4: tenants,
-- $5: subject prefix, $6: sources, $7: kinds (each null: all); $8: most events; $9: bytes after
-- which to stop. Result: head, earliest position, bound of the scan, epoch, then an event; one
-- row with no event when none matches. The bound is null but where the page ended with its bytes.
-- Last: whether its plan lacks some of what is stored.
select h.head, h.earliest,
    case when coalesce(e.bytes_before, 0) + e.bytes >= $9 then e.position - 1 end,
    h.epoch, e.position, e.occurred_at, e.recorded_at, e.id, e.tenant_id, e.type_id,
    e.partition, e.kind, e.occurred_nanos, e.source, e.subject, e.partition_key,
    e.correlation_id, e.causation_id, e.user_id, e.session_id, e.request_id, e.channel,
    e.user_agent, e.ip_address, e.traceparent, e.tracestate, e.extra, e.data,
    h.stored > h.head
from apus.visible_bounds($1, $2) h
left join (
    select *, sum(e.bytes) over (
        order by e.position desc rows between unbounded preceding and 1 preceding) as bytes_before
    from (
        select e.*, apus.event_bytes(e) as bytes
        from apus.events e
        where e.position > $1 and e.position <= $2
            and ($3::text[] is null or e.type_id = any (
                array(select m.id from apus.matching_types($3) m (id))))
            and ($4::text[] is null or e.tenant_id = any (
                array(select t.id from apus.tenants t where t.name = any ($4))))
            and ($5::text is null or starts_with(e.subject, $5))
            and ($6::text[] is null or e.source = any ($6))
            and ($7::smallint[] is null or e.kind = any ($7))
        order by e.position desc
        limit $8
    ) e
) e on coalesce(e.bytes_before, 0) < $9
order by e.position desc
