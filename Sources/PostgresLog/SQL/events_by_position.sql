-- $1: positions. Result: one row each, in order of position: the log's epoch, then the event there
-- (null: not stored any more). Last: whether its plan lacks one of them.
select h.epoch,
    e.position, e.occurred_at, e.recorded_at, e.id, e.tenant_id, e.type_id,
    e.partition, e.kind, e.occurred_nanos, e.source, e.subject, e.partition_key,
    e.correlation_id, e.causation_id, e.user_id, e.session_id, e.request_id, e.channel,
    e.user_agent, e.ip_address, e.traceparent, e.tracestate, e.extra, e.data,
    coalesce(bool_or(e.position is null and w.position between h.earliest and h.head) over (), false)
from unnest($1::bigint[]) as w (position)
cross join (
    select a.head,
        coalesce((select min(p.first_position) from apus.event_partitions p), a.head + 1) as earliest,
        (select l.id from apus.log_epochs l order by l.ordinal desc limit 1) as epoch
    from (select max(a.last_position) as head from apus.appends a) a
) h
left join apus.events e on e.position = w.position
order by w.position
