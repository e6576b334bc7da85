-- Looks events up. $1: ids, $2: tenant. Result: one row an id, in their order: position (null:
-- never published), the log's epoch, then the event (null: dropped by retention). Last: whether its
-- plan lacks one of them.
select i.position, h.epoch, e.position, e.occurred_at, e.recorded_at, e.id, e.tenant_id, e.type_id,
    e.partition, e.kind, e.occurred_nanos, e.source, e.subject, e.partition_key,
    e.correlation_id, e.causation_id, e.user_id, e.session_id, e.request_id, e.channel,
    e.user_agent, e.ip_address, e.traceparent, e.tracestate, e.extra, e.data,
    coalesce(bool_or(e.position is null and i.position >= h.earliest) over (), false)
from unnest($1::uuid[]) with ordinality as w (id, ordinal)
cross join (
    select (select l.id from apus.log_epochs l order by l.ordinal desc limit 1) as epoch,
        (select min(p.first_position) from apus.event_partitions p) as earliest
) h
left join apus.identities i on i.id = w.id
    and i.tenant_id = (select t.id from apus.tenants t where t.name = $2)
left join apus.events e on e.position = i.position
order by w.ordinal
