-- Reads the history of one tenant forward, with no filter, through its index.
-- $1, $2: between these positions, the first exclusive; $3: tenant; $4: most events; $5: bytes after
-- which to stop. Result: head, earliest position, null, epoch, then an event; one row with no event
-- when there is none. Last: whether its plan lacks some of what is stored.
--
-- As read_tenants.sql, with nothing to sort or to look at twice: rows are compared, ordered and
-- summed up in the order of the index.
select h.head, h.earliest, null::bigint, h.epoch, e.position, e.occurred_at, e.recorded_at, e.id,
    e.tenant_id, e.type_id,
    e.partition, e.kind, e.occurred_nanos, e.source, e.subject, e.partition_key,
    e.correlation_id, e.causation_id, e.user_id, e.session_id, e.request_id, e.channel,
    e.user_agent, e.ip_address, e.traceparent, e.tracestate, e.extra, e.data,
    h.stored > h.head
from apus.visible_bounds($1, $2) h
left join (
    select e.*, sum(octet_length(e.data) + 512) over (
        order by e.tenant_id, e.position rows between unbounded preceding and 1 preceding)
        as bytes_before
    from (
        select *
        from apus.events e
        where (e.tenant_id, e.position) > ((select t.id from apus.tenants t where t.name = $3), $1)
            and (e.tenant_id, e.position) <= (
                (select t.id from apus.tenants t where t.name = $3), $2)
        order by e.tenant_id, e.position
        limit $4
    ) e
) e on coalesce(e.bytes_before, 0) < $5
order by e.position
