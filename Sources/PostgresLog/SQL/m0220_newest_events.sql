-- Migration 220: public.events finds out once what is not settled. No parameters, no result.

-- As before, but for how events that are not settled are left out of the settled ones: their positions
-- are one value that the whole query shares, ranges, which they mostly fill. Before, each table of
-- payloads that the query looked into had a list of them made.
create or replace view apus.public_events with (security_invoker = true) as
select v.id, v.tenant_id, v.type, v.payload, v.source, v.status, v.created_at, v.processed_at,
    v.error_message, v.request_id, coalesce(v.correlation_id, v.id::text) as correlation_id
from (
    select e.position, e.tenant_id as tenant, false as is_settled, e.id, t.name as tenant_id,
        y.name as type,
        (select p.payload from apus.event_payloads p where p.position = e.position) as payload,
        e.source, 'failed'::text as status, e.recorded_at as created_at,
        (select max(l.started_at + l.duration_us * interval '1 microsecond')
            from apus.ledger l
            where l.position = e.position and l.outcome in (2, 3)
                and l.consumer_id in (select h.consumer_id from apus.handlers h)) as processed_at,
        u.reason as error_message, e.request_id, e.correlation_id
    from apus.unsettled_events(4::smallint) u
    cross join lateral (select * from apus.events e where e.position = u.position offset 0) e
    join apus.tenants t on t.id = e.tenant_id
    join apus.types y on y.id = e.type_id
    union all
    select e.position, e.tenant_id as tenant, false as is_settled, e.id, t.name as tenant_id,
        y.name as type,
        (select p.payload from apus.event_payloads p where p.position = e.position) as payload,
        e.source, 'pending'::text as status, e.recorded_at as created_at,
        null::timestamptz as processed_at,
        null::text as error_message, e.request_id, e.correlation_id
    from apus.unsettled_events(1::smallint) u
    cross join lateral (select * from apus.events e where e.position = u.position offset 0) e
    join apus.tenants t on t.id = e.tenant_id
    join apus.types y on y.id = e.type_id
    union all
    select e.position, e.tenant_id as tenant, false as is_settled, e.id, t.name as tenant_id,
        y.name as type,
        (select p.payload from apus.event_payloads p where p.position = e.position) as payload,
        e.source, 'processing'::text as status, e.recorded_at as created_at,
        null::timestamptz as processed_at,
        null::text as error_message, e.request_id, e.correlation_id
    from apus.unsettled_events(2::smallint) u
    cross join lateral (select * from apus.events e where e.position = u.position offset 0) e
    join apus.tenants t on t.id = e.tenant_id
    join apus.types y on y.id = e.type_id
    union all
    select p.position, p.tenant_id, true, p.id,
        (select t.name from apus.tenants t where t.id = p.tenant_id),
        (select y.name from apus.types y where y.id = p.type_id), p.payload, p.source,
        'processed'::text, p.recorded_at,
        (select max(l.started_at + l.duration_us * interval '1 microsecond')
            from apus.ledger l
            where l.position = p.position and l.outcome in (2, 3)
                and l.consumer_id in (select h.consumer_id from apus.handlers h)),
        null::text, p.request_id, p.correlation_id
    from apus.event_payloads p
    union all
    select e.position, e.tenant_id, true, e.id, t.name, y.name, null::jsonb, e.source,
        'processed'::text, e.recorded_at,
        (select max(l.started_at + l.duration_us * interval '1 microsecond')
            from apus.ledger l
            where l.position = e.position and l.outcome in (2, 3)
                and l.consumer_id in (select h.consumer_id from apus.handlers h)),
        null::text, e.request_id, e.correlation_id
    from apus.events_without_payload() n
    cross join lateral (select * from apus.events e where e.position = n offset 0) e
    join apus.tenants t on t.id = e.tenant_id
    join apus.types y on y.id = e.type_id
) v
where (not v.is_settled
        or not v.position <@ (
            select coalesce(range_agg(int8range(u.position, u.position, '[]')), '{}')
            from apus.unsettled_events(null) u))
    and v.position >= (select apus.earliest_position())
    and ((select coalesce(current_setting('apus.tenant', true), '') = '')
        or v.tenant = (
            select t.id from apus.tenants t where t.name = current_setting('apus.tenant', true)));
