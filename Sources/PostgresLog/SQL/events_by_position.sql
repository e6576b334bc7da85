-- $1: positions, $2: bytes after which to stop. Result: one row each, in their order, up to the one that
-- reaches so many bytes: the position, the log's epoch, then the event there (null: not stored any
-- more). Last: whether its plan lacks one of them.
--
-- Lengths are known without the payloads; what is beyond the last row stays unread.
select s.wanted, s.epoch,
    s.position, s.occurred_at, s.recorded_at, s.id, s.tenant_id, s.type_id,
    s.partition, s.kind, s.occurred_nanos, s.source, s.subject, s.partition_key,
    s.correlation_id, s.causation_id, s.user_id, s.session_id, s.request_id, s.channel,
    s.user_agent, s.ip_address, s.traceparent, s.tracestate, s.extra, s.data, s.lacks
from (
    select w.position as wanted, w.ordinal, h.epoch, e.*,
        coalesce(
            sum(apus.event_bytes(e)) over (
                order by w.ordinal rows between unbounded preceding and 1 preceding),
            0) as before,
        coalesce(bool_or(e.position is null and w.position between h.earliest and h.head) over (), false)
            as lacks
    from unnest($1::bigint[]) with ordinality as w (position, ordinal)
    cross join (
        select a.head,
            coalesce((select min(p.first_position) from apus.event_partitions p), a.head + 1)
                as earliest,
            (select l.id from apus.log_epochs l order by l.ordinal desc limit 1) as epoch
        from (select max(a.last_position) as head from apus.appends a) a
    ) h
    left join apus.events e on e.position = w.position
) s
where s.before < $2
order by s.ordinal
