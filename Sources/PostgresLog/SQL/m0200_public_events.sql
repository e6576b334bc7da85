-- Migration 200: the log as a view for SQL, public.events, and who may read what in it. No
-- parameters, no result.

-- Each event's payload as canonical JSON, with what the view shows besides: it is written a moment
-- after the event, by one node, unless operators turn that off. Partitioned like the events, and
-- dropped with them.
create table apus.event_payloads (
    position bigint not null,
    recorded_at timestamptz not null,
    id uuid not null,
    tenant_id integer not null,
    type_id integer not null,
    partition smallint not null,
    source text collate "C" not null,
    request_id text collate "C",
    correlation_id text collate "C",
    -- Null: it has no JSON.
    payload jsonb,
    primary key (position)
) partition by range (position);
-- The newest events, of all and of a tenant, and those of a type that a handler has before it.
create index event_payloads_time on apus.event_payloads (recorded_at);
create index event_payloads_tenant on apus.event_payloads (tenant_id, recorded_at);
create index event_payloads_type on apus.event_payloads (type_id, position);

create table apus.payload_partitions (
    first_position bigint primary key,
    last_position bigint not null unique,
    name text not null unique
);

-- All events up to `position` are in apus.event_payloads. Whoever writes with an older fence than
-- `fence` is refused.
create table apus.payload_head (
    one boolean primary key default true check (one),
    position bigint not null,
    fence bigint not null
);

-- Makes a table of payloads for each partition of the log that goes beyond a position, also for those
-- that are ahead: who planned a query before a table was attached, and looks after rows came into it,
-- would see neither them nor that they are to come.
create function apus.make_payload_tables(after bigint) returns void
language plpgsql as $$
declare
    part apus.event_partitions;
begin
    for part in
        select * from apus.event_partitions p
        where p.last_position > after
            and not exists (
                select from apus.payload_partitions k where k.first_position = p.first_position)
    loop
        perform pg_advisory_xact_lock(5053001, 1);
        execute format(
            'create table apus.payloads_from_%s (like apus.event_payloads including all)',
            part.first_position);
        execute format(
            'alter table apus.event_payloads attach partition apus.payloads_from_%s
            for values from (%s) to (%s)',
            part.first_position, part.first_position, part.last_position + 1);
        insert into apus.payload_partitions (first_position, last_position, name)
        values (part.first_position, part.last_position, 'payloads_from_' || part.first_position);
    end loop;
end
$$;

-- Makes whoever has an older fencing number be refused. No row when there is a newer one. Result:
-- the position behind which to go on.
create function apus.claim_payloads(wanted bigint) returns setof bigint
language plpgsql as $$
declare
    behind bigint;
begin
    insert into apus.payload_head as h (position, fence)
    select coalesce(
        (select min(p.first_position) from apus.event_partitions p),
        (select max(a.last_position) + 1 from apus.appends a)) - 1, wanted
    on conflict (one) do update
    set fence = excluded.fence, position = greatest(h.position, excluded.position)
    where h.fence <= excluded.fence
    returning h.position into behind;
    if found then
        perform apus.make_payload_tables(behind);
        return next behind;
    end if;
end
$$;

-- As JSON; null what Postgres does not take for it.
create function apus.jsonb_or_null(text text) returns jsonb
language plpgsql immutable as $$
begin
    return text::jsonb;
exception when data_exception then
    return null;
end
$$;

-- Adds the payloads of the events that come after a position, in their order. Result: no row when
-- the fence is an older one; else how many events of the log are still to come.
create function apus.keep_payloads(
    wanted bigint, after bigint, positions bigint[], payloads text[]
) returns setof bigint
language plpgsql as $$
declare
    through constant bigint := positions[cardinality(positions)];
    kept integer;
    form constant text :=
        'insert into apus.event_payloads
            (position, recorded_at, id, tenant_id, type_id, partition, source, request_id,
            correlation_id, payload)
        select e.position, e.recorded_at, e.id, e.tenant_id, e.type_id, e.partition, e.source,
            e.request_id, e.correlation_id, %s
        from unnest($1, $2) as n (position, payload)
        join apus.events e on e.position = n.position
        where e.position between $3 and $4';
begin
    -- Lost with a crash of Postgres, the same rows are written once more.
    perform set_config('synchronous_commit', 'off', true);
    perform from apus.payload_head h
    where h.fence = wanted and h.position = after
    for no key update;
    if not found then
        return;
    end if;
    perform apus.make_payload_tables(after);
    -- Planned each time: a plan that was kept may not know of the newest partition.
    begin
        execute format(form, 'n.payload::jsonb') using positions, payloads, after + 1, through;
        get diagnostics kept = row_count;
    exception when data_exception then
        execute format(form, 'apus.jsonb_or_null(n.payload)')
            using positions, payloads, after + 1, through;
        get diagnostics kept = row_count;
    end;
    if kept <> cardinality(positions)
        and positions[1] >= (select min(p.first_position) from apus.event_partitions p)
    then
        raise exception 'an event is not to be seen' using errcode = 'serialization_failure';
    end if;
    update apus.payload_head h set position = through;
    return query select max(a.last_position) - through from apus.appends a;
end
$$;

-- As before, and it drops the table of expired payloads too.
create or replace function apus.drop_expired_partition(wanted text) returns void
language plpgsql as $$
declare
    found text;
begin
    delete from apus.expired_partitions e where e.name = wanted returning e.name into found;
    if found is null then
        delete from apus.payload_partitions p
        where p.name = wanted and not exists (
            select from apus.event_partitions e where e.first_position <= p.last_position)
        returning p.name into found;
    end if;
    if found is not null then
        execute format('drop table if exists apus.%I', found);
    end if;
end
$$;

-- Which roles, and their members, read which tenant's events. Kept by apus.allow_reading() and
-- apus.forbid_reading().
create table apus.readers (
    role_name text collate "C" primary key,
    tenant text collate "C" not null
);

-- The number of the tenant whose events the session may read; null: none. It is asked by the role
-- that logged in, which no session can change. What the setting apus.tenant says is believed of
-- Apus' own role alone.
create function apus.readable_tenant() returns integer
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    named text;
begin
    -- The current user is Apus' own role here.
    if pg_has_role(session_user, current_user, 'usage') then
        named := current_setting('apus.tenant', true);
    else
        -- A role that was dropped is none: to_regrole() is null then. Who reads for two is no
        -- tenant's own role.
        select min(r.tenant) into named
        from apus.readers r
        where pg_has_role(session_user, to_regrole(quote_ident(r.role_name)), 'usage')
        having count(distinct r.tenant) = 1;
    end if;
    return (select t.id from apus.tenants t where t.name = named);
end
$$;

-- Events that are not processed, of the tenants that the session may read: with their status, as
-- apus.v1.EventStatus, and the reason of an open dead letter. `wanted`: only this status; null: all.
-- An event that it leaves out is processed.
create function apus.unsettled_events(wanted smallint)
returns table ("position" bigint, status smallint, reason text)
language plpgsql stable security definer rows 100
set search_path = pg_catalog, pg_temp
-- Whatever statistics say of tables that fill and empty: what is looked at is little, and found by
-- an index.
set enable_seqscan = off
set enable_mergejoin = off
-- Costs of plans without scans are made up, and would have them compiled.
set jit = off
as $$
#variable_conflict use_column
declare
    only_tenant constant integer := apus.readable_tenant();
    everybody constant boolean := pg_has_role(session_user, current_user, 'usage')
        and coalesce(current_setting('apus.tenant', true), '') = '';
    known bigint;
    head bigint;
begin
    if only_tenant is null and not everybody then
        return;
    end if;
    if coalesce(wanted, 4) = 4 then
        return query
            select distinct on (d.position) d.position, 4::smallint, d.reason
            from apus.dead_letters d
            join apus.handlers h on h.consumer_id = d.consumer_id
            where d.resolved_at is null and (everybody or d.tenant_id = only_tenant)
            order by d.position, d.id;
        if wanted = 4 then
            return;
        end if;
    end if;
    select greatest(
        (select h.position from apus.payload_head h),
        (select min(p.first_position) - 1 from apus.event_partitions p))
    into known;
    select max(a.last_position) into head from apus.appends a;
    return query
        with wants as materialized (
            -- From which position on a type of events counts for a handler.
            select p.consumer_id, y.id as type_id, min(p.counts_after) as after
            from apus.handler_patterns p
            join apus.types y on y.name ~ p.regex
            group by p.consumer_id, y.id
        ), floors as materialized (
            -- Where the handler's slowest partition is.
            select h.consumer_id, h.position as begun,
                coalesce(min(c.position), h.position) as position
            from apus.handlers h
            left join apus.consumer_partitions c on c.consumer_id = h.consumer_id
            where h.consumer_id in (select w.consumer_id from wants w)
            group by h.consumer_id, h.position
        ), ahead as (
            -- What is beyond the cursors: by its type as far as payloads are written, then one by
            -- one, since positions have no gaps.
            select w.consumer_id, e.type_id, e.position, e.partition
            from wants w
            join floors f on f.consumer_id = w.consumer_id
            cross join lateral (
                select p.position, p.type_id, p.tenant_id, p.partition
                from apus.event_payloads p
                -- Compared as rows: the index of types it is, and no other.
                where (p.type_id, p.position) > (w.type_id, greatest(f.position, w.after))
                    and (p.type_id, p.position) <= (w.type_id, known)
                offset 0
            ) e
            where everybody or e.tenant_id = only_tenant
            union all
            select w.consumer_id, e.type_id, e.position, e.partition
            from generate_series(
                greatest(known, (select min(f.position) from floors f)) + 1, head) as n
            cross join lateral (
                select e.position, e.type_id, e.tenant_id, e.partition
                from apus.events e
                where e.position = n
                offset 0
            ) e
            join wants w on w.type_id = e.type_id and w.after < e.position
            where everybody or e.tenant_id = only_tenant
        ), unfinished as (
            -- 1: the handler was not handed it yet; 2: it was, and is not done.
            select a.consumer_id, a.type_id, a.position, 1 as state
            from ahead a
            join floors f on f.consumer_id = a.consumer_id
            left join apus.consumer_partitions c
                on c.consumer_id = a.consumer_id and c.partition = a.partition
            where coalesce(c.position, f.begun) < a.position
            union
            select k.consumer_id, e.type_id, k.position, case when k.attempt = 0 then 1 else 2 end
            from floors f
            join apus.work k on k.consumer_id = f.consumer_id
            join apus.consumer_partitions c
                on c.consumer_id = k.consumer_id and c.partition = k.partition
                and c.position >= k.position
            cross join lateral (
                select e.type_id, e.tenant_id from apus.events e where e.position = k.position
                offset 0
            ) e
            join wants w
                on w.consumer_id = k.consumer_id and w.type_id = e.type_id and w.after < k.position
            where everybody or e.tenant_id = only_tenant
            union
            select l.consumer_id, e.type_id, e.position, 1
            from floors f
            join apus.consumer_lanes l on l.consumer_id = f.consumer_id
            join apus.consumer_partitions c
                on c.consumer_id = l.consumer_id and c.partition = l.partition
            join apus.tenants t on t.name = l.tenant
            cross join lateral (
                select e.position, e.type_id
                from apus.events e
                where (e.tenant_id, e.position) > (t.id, l.position)
                    and (e.tenant_id, e.position) <= (t.id, c.position)
                    and e.partition = l.partition
                    and l.key in ('', coalesce(e.partition_key, nullif(e.subject, ''), t.name))
                offset 0
            ) e
            join wants w
                on w.consumer_id = l.consumer_id and w.type_id = e.type_id and w.after < e.position
            where (everybody or t.id = only_tenant)
                and not exists (
                    select from apus.work k
                    where k.consumer_id = l.consumer_id and k.partition = l.partition
                        and k.position = e.position)
        ), standing as (
            -- Pending as long as no handler that wants it was handed it.
            select u.position,
                case when count(*) filter (where u.state = 1) = (
                    select count(*) from wants w
                    where w.type_id = u.type_id and w.after < u.position
                ) then 1 else 2 end as status
            from unfinished u
            group by u.position, u.type_id
        )
        select s.position, s.status::smallint, null::text
        from standing s
        where (wanted is null or s.status = wanted)
            and not exists (
                select from apus.dead_letters d
                where d.position = s.position and d.resolved_at is null
                    and exists (
                        select from apus.handlers h where h.consumer_id = d.consumer_id));
end
$$;

-- The oldest position that retention has left.
create function apus.earliest_position() returns bigint
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select min(p.first_position) from apus.event_partitions p
$$;

-- Positions of the events that are not in apus.event_payloads yet.
create function apus.events_without_payload() returns setof bigint
language sql stable security definer rows 100
set search_path = pg_catalog, pg_temp
as $$
    select generate_series(
        greatest(
            (select h.position from apus.payload_head h),
            (select min(p.first_position) - 1 from apus.event_partitions p)) + 1,
        (select max(a.last_position) from apus.appends a))
$$;

alter table apus.events enable row level security;
alter table apus.event_payloads enable row level security;
alter table apus.tenants enable row level security;
alter table apus.ledger enable row level security;
create policy readers on apus.events for select
    using (tenant_id = (select apus.readable_tenant()));
create policy readers on apus.event_payloads for select
    using (tenant_id = (select apus.readable_tenant()));
create policy readers on apus.tenants for select
    using (id = (select apus.readable_tenant()));
create policy readers on apus.ledger for select
    using (exists (select from apus.events e where e.position = ledger.position));

-- The log for whoever reads it in SQL. One branch a status: who asks for one touches no other.
-- Rights are those of the session, see apus.readable_tenant(); its setting apus.tenant narrows what it
-- sees. What is settled, most of it, comes from one table and has its conditions outside: only so
-- does Postgres read it in order of an index.
create view apus.public_events with (security_invoker = true) as
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
        or v.position not in (select u.position from apus.unsettled_events(null) u))
    and v.position >= (select apus.earliest_position())
    and ((select coalesce(current_setting('apus.tenant', true), '') = '')
        or v.tenant = (
            select t.id from apus.tenants t where t.name = current_setting('apus.tenant', true)));

-- Lets a role, and its members, read the events of one tenant: in public.events, and nothing else.
create function apus.allow_reading(role_name text, tenant text) returns void
language plpgsql as $$
#variable_conflict use_variable
begin
    if tenant is null or tenant !~ '^[A-Za-z0-9._-]{1,64}$' then
        raise exception 'tenant: must match [A-Za-z0-9._-]{1,64}'
            using errcode = '22023', column = 'tenant';
    end if;
    -- Nobody changes the tables' entries in the catalogue meanwhile.
    perform pg_advisory_xact_lock(5053001, 1);
    execute format('grant usage on schema apus to %I', role_name);
    execute format(
        'grant select on apus.public_events, apus.events, apus.event_payloads, apus.tenants,
            apus.types to %I', role_name);
    execute format(
        'grant select (position, consumer_id, outcome, started_at, duration_us) on apus.ledger
            to %I', role_name);
    execute format('grant select (consumer_id) on apus.handlers to %I', role_name);
    execute format(
        'grant execute on function apus.readable_tenant, apus.unsettled_events,
            apus.earliest_position, apus.events_without_payload to %I', role_name);
    if to_regclass('public.events') is not null then
        execute format('grant select on public.events to %I', role_name);
    end if;
    insert into apus.readers as r (role_name, tenant) values (role_name, tenant)
    on conflict on constraint readers_pkey do update set tenant = excluded.tenant;
end
$$;

-- Takes that back.
create function apus.forbid_reading(role_name text) returns void
language plpgsql as $$
#variable_conflict use_variable
begin
    delete from apus.readers r where r.role_name = forbid_reading.role_name;
    if to_regrole(quote_ident(role_name)) is null then
        return;
    end if;
    perform pg_advisory_xact_lock(5053001, 1);
    execute format(
        'revoke select on apus.public_events, apus.events, apus.event_payloads, apus.tenants,
            apus.types from %I', role_name);
    execute format(
        'revoke select (position, consumer_id, outcome, started_at, duration_us) on apus.ledger
            from %I', role_name);
    execute format('revoke select (consumer_id) on apus.handlers from %I', role_name);
    execute format(
        'revoke execute on function apus.readable_tenant, apus.unsettled_events,
            apus.earliest_position, apus.events_without_payload from %I', role_name);
    if to_regclass('public.events') is not null then
        execute format('revoke select on public.events from %I', role_name);
    end if;
end
$$;

revoke execute on function
    apus.claim_payloads, apus.keep_payloads, apus.readable_tenant, apus.unsettled_events,
    apus.earliest_position, apus.events_without_payload, apus.allow_reading, apus.forbid_reading
    from public;

-- Where the name is somebody else's, or the schema is not ours to add to, there is only
-- apus.public_events.
do $$
begin
    create view public.events with (security_invoker = true) as select * from apus.public_events;
exception when duplicate_table or insufficient_privilege or invalid_schema_name then
    raise warning 'public.events could not be made (%); apus.public_events is the same', sqlerrm;
end
$$;
