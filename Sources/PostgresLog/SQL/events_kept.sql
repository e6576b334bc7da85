-- $1: positions. Result: the log's epoch and the event there, for each that is still stored, or kept
-- for a dead letter, in order of position.
select (select l.id from apus.log_epochs l order by l.ordinal desc limit 1),
    e.position, e.occurred_at, e.recorded_at, e.id, e.tenant_id, e.type_id,
    e.partition, e.kind, e.occurred_nanos, e.source, e.subject, e.partition_key,
    e.correlation_id, e.causation_id, e.user_id, e.session_id, e.request_id, e.channel,
    e.user_agent, e.ip_address, e.traceparent, e.tracestate, e.extra, e.data
from unnest($1::bigint[]) as w (position)
cross join lateral (
    select * from apus.events e where e.position = w.position
    union all
    select * from apus.kept_events k
    where k.position = w.position
        and not exists (select from apus.events e where e.position = w.position)
) e
order by e.position
