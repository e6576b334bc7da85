-- Open dead letters, the oldest first. $1 tenant, $2 consumer (null: any), $3 ids (null: any),
-- $4 patterns of types, $5 tenants of events, $6 subject prefix, $7 sources, $8 kinds (each
-- null: all), $9 numbers beyond this, $10 how many, $11 bytes of events after which to stop.
-- One row each: number, consumer and its title, when, reason, how many there are without the bound
-- of bytes, the log's epoch, then the event.
select d.number, d.consumer_id, apus.consumer_title(d.consumer), d.dead_lettered_at, d.reason,
    d.chosen, (select l.id from apus.log_epochs l order by l.ordinal desc limit 1),
    e.position, e.occurred_at, e.recorded_at, e.id, e.tenant_id, e.type_id, e.partition, e.kind,
    e.occurred_nanos, e.source, e.subject, e.partition_key, e.correlation_id, e.causation_id,
    e.user_id, e.session_id, e.request_id, e.channel, e.user_agent, e.ip_address, e.traceparent,
    e.tracestate, e.extra, e.data
from (
    select *, sum(d.bytes) over (
        order by d.number rows between unbounded preceding and 1 preceding) as bytes_before,
        count(*) over () as chosen
    from (
        select *
        from apus.open_dead_letters d
        where d.number > $9 and d.owner = $1 and ($2::text is null or d.consumer = $2)
            and ($3::uuid[] is null or d.event_id = any ($3))
            and ($4::text[] is null or d.type_id = any (
                array(select m.id from apus.matching_types($4) m (id))))
            and ($5::text[] is null or d.tenant_id = any (
                array(select t.id from apus.tenants t where t.name = any ($5))))
            and ($6::text is null or starts_with(d.subject, $6))
            and ($7::text[] is null or d.source = any ($7))
            and ($8::smallint[] is null or d.kind = any ($8))
        order by d.number
        limit $10
    ) d
) d
join apus.kept_events e on e.position = d.position
where coalesce(d.bytes_before, 0) < $11
order by d.number
