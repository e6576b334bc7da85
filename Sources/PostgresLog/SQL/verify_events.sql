-- Events with what belongs to them. $1, $2: between these positions, the first exclusive; $3: most
-- events; $4: bytes after which to stop. Result: earliest position, an event, its checksum, the
-- names of its tenant and type, the type's version and message, position and subject key of its
-- identity; one row with no event when there is none.
select h.earliest, e.position, e.occurred_at, e.recorded_at, e.id, e.tenant_id, e.type_id,
    e.partition, e.kind, e.occurred_nanos, e.source, e.subject, e.partition_key,
    e.correlation_id, e.causation_id, e.user_id, e.session_id, e.request_id, e.channel,
    e.user_agent, e.ip_address, e.traceparent, e.tracestate, e.extra, e.data,
    e.checksum, t.name, y.name, y.version, y.message, i.position, i.subject_key
from (
    select coalesce(
        (select min(p.first_position) from apus.event_partitions p),
        (select max(a.last_position) + 1 from apus.appends a)) as earliest
) h
left join (
    select *, sum(octet_length(e.data) + 512) over (
        order by e.position rows between unbounded preceding and 1 preceding) as bytes_before
    from (
        select * from apus.events e
        where e.position > $1 and e.position <= $2
        order by e.position
        limit $3
    ) e
) e on coalesce(e.bytes_before, 0) < $4
left join apus.tenants t on t.id = e.tenant_id
left join apus.types y on y.id = e.type_id
left join apus.identities i on i.id = e.id and i.tenant_id = e.tenant_id
order by e.position
