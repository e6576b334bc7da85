-- Open dead letters, the oldest first. $1 tenant, $2 consumer (null: any), $3 ids (null: any),
-- $4 patterns of types, $5 tenants of events, $6 subject prefix, $7 sources, $8 kinds (each
-- null: all), $9 numbers beyond this, $10 how many, $11 bytes of events after which to stop.
-- One row each: number, consumer and its title, when, reason, how many there are without the bound
-- of bytes, the log's epoch, then the event.
--
-- A handler's are each event's tenant's, a group's are its own tenant's, whoever the event is of. Of
-- either an index has them in order: others' are not looked at. Its columns are compared as one, so
-- that no plan goes by the primary key, past others'.
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
        select h.name as consumer, l.*
        from apus.handlers c
        join apus.consumers h on h.id = c.consumer_id and ($2::text is null or h.name = $2)
        join apus.tenants t on t.name = $1
        cross join lateral (
            select d.id as number, d.consumer_id, d.position, d.dead_lettered_at, d.reason, e.bytes
            from apus.dead_letters d
            -- Each is looked up: what is known of how many there are is of all consumers together.
            cross join lateral (
                select k.id, k.type_id, k.tenant_id, k.subject, k.source, k.kind,
                    octet_length(k.data) + 512 as bytes
                from apus.kept_events k
                where k.position = d.position
                offset 0
            ) e
            where d.resolved_at is null
                and (d.tenant_id, d.consumer_id, d.id) > (t.id, c.consumer_id, $9)
                and (d.tenant_id, d.consumer_id, d.id) < (t.id, c.consumer_id, 9223372036854775807)
                and ($3::uuid[] is null or e.id = any ($3))
                and ($4::text[] is null or e.type_id = any (
                    array(select m.id from apus.matching_types($4) m (id))))
                and ($5::text[] is null or e.tenant_id = any (
                    array(select t.id from apus.tenants t where t.name = any ($5))))
                and ($6::text is null or starts_with(e.subject, $6))
                and ($7::text[] is null or e.source = any ($7))
                and ($8::smallint[] is null or e.kind = any ($8))
            order by d.tenant_id, d.consumer_id, d.id
            limit $10
        ) l
        union all
        select h.name as consumer, l.*
        from apus.groups c
        join apus.consumers h on h.id = c.consumer_id and ($2::text is null or h.name = $2)
        cross join lateral (
            select d.id as number, d.consumer_id, d.position, d.dead_lettered_at, d.reason, e.bytes
            from apus.dead_letters d
            cross join lateral (
                select k.id, k.type_id, k.tenant_id, k.subject, k.source, k.kind,
                    octet_length(k.data) + 512 as bytes
                from apus.kept_events k
                where k.position = d.position
                offset 0
            ) e
            where d.resolved_at is null and (d.consumer_id, d.id) > (c.consumer_id, $9)
                and (d.consumer_id, d.id) < (c.consumer_id, 9223372036854775807)
                and ($3::uuid[] is null or e.id = any ($3))
                and ($4::text[] is null or e.type_id = any (
                    array(select m.id from apus.matching_types($4) m (id))))
                and ($5::text[] is null or e.tenant_id = any (
                    array(select t.id from apus.tenants t where t.name = any ($5))))
                and ($6::text is null or starts_with(e.subject, $6))
                and ($7::text[] is null or e.source = any ($7))
                and ($8::smallint[] is null or e.kind = any ($8))
            order by d.consumer_id, d.id
            limit $10
        ) l
        where c.tenant = $1
        order by number
        limit $10
    ) d
) d
join apus.kept_events e on e.position = d.position
where coalesce(d.bytes_before, 0) < $11
order by d.number
