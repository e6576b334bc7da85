-- Migration 116: publishing in SQL, and who may. No parameters, no result.

-- Which roles, and their members, may publish for which tenant; `*` stands for every tenant. Kept
-- by apus.allow_publishing() and apus.forbid_publishing().
create table apus.publishers (
    role_name text collate "C" not null,
    tenant text collate "C" not null,
    primary key (tenant, role_name)
);

-- A new id that sorts by time (RFC 9562 §5.7): milliseconds, the fraction of the millisecond in 12
-- bits (§6.2, method 3), then 62 random bits.
create function apus.uuid_v7() returns uuid
language plpgsql volatile as $$
declare
    us constant bigint := extract(epoch from clock_timestamp()) * 1000000;
begin
    return lpad(to_hex(us / 1000), 12, '0') || '7' || lpad(to_hex(us % 1000 * 4096 / 1000), 3, '0')
        || right(replace(gen_random_uuid()::text, '-', ''), 16);
end
$$;

-- The tenant that the session may publish for: the one it names, else the only one it may.
create function apus.tenant_of_publisher(named text) returns text
language plpgsql stable as $$
declare
    -- Within apus.publish() the current user is Apus' own role.
    is_own constant boolean := pg_has_role(session_user, current_user, 'usage');
    allowed text[];
begin
    if named is not null then
        if named !~ '^[A-Za-z0-9._-]{1,64}$' then
            raise exception 'tenant: must match [A-Za-z0-9._-]{1,64}'
                using errcode = '22023', column = 'tenant';
        end if;
        -- A role that was dropped is none: to_regrole() is null then.
        if is_own or exists (
            select from apus.publishers p
            where p.tenant in (named, '*')
                and pg_has_role(session_user, to_regrole(quote_ident(p.role_name)), 'usage')
        ) then
            return named;
        end if;
        raise exception 'tenant: role % may not publish for %', session_user, named
            using errcode = '42501', column = 'tenant';
    end if;
    if is_own then
        return 'default';
    end if;
    allowed := array(
        select distinct p.tenant
        from apus.publishers p
        where pg_has_role(session_user, to_regrole(quote_ident(p.role_name)), 'usage')
        limit 2);
    if cardinality(allowed) = 0 then
        raise exception 'tenant: role % may not publish for any', session_user
            using errcode = '42501', column = 'tenant';
    end if;
    if cardinality(allowed) > 1 or allowed[1] = '*' then
        raise exception 'tenant: must be named, since role % may publish for several', session_user
            using errcode = '22023', column = 'tenant';
    end if;
    return allowed[1];
end
$$;

-- Checks an event and leaves it in the outbox. Result: its id.
create function apus.put_in_outbox(
    type text, data jsonb, payload bytea, subject text, id uuid, tenant text, version integer,
    partition_key text, source text, occurred_at timestamptz, correlation_id text,
    causation_id text, user_id text, session_id text, request_id text, channel text,
    user_agent text, ip_address text, traceparent text, tracestate text, extra jsonb
) returns uuid
language plpgsql as $$
#variable_conflict use_variable
declare
    own_id uuid := coalesce(id, apus.uuid_v7());
    most integer;
    size bigint := coalesce(octet_length(data::text), octet_length(payload));
    extras integer := 0;
    extra_size bigint := 0;
    are_texts boolean := true;
    fault text;
begin
    tenant := apus.tenant_of_publisher(nullif(tenant, ''));
    fault := case
        when type is null then 'type: must not be null'
        when octet_length(type) > 200 then 'type: is longer than 200 characters'
        when type collate "C" !~ '^[a-z0-9_]+(\.[a-z0-9_]+)+$' then
            'type: must be two or more segments of [a-z0-9_]+ with dots between them'
        when type collate "C" ~ '\.v[0-9]+$' then
            'type: must not end in a version; the version is a parameter of its own'
        when size is null then 'data: must not be null'
        when jsonb_typeof(data) <> 'object' then 'data: must be a JSON object'
        when version < 1 then 'version: must be 1 or more'
        when not isfinite(occurred_at)
            or not occurred_at between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999999+00'
            then 'occurred_at: must be within the years 1 to 9999'
        when jsonb_typeof(extra) <> 'object' then 'extra: must be a JSON object of strings'
    end;
    if fault is null and extra is not null then
        select count(*), coalesce(sum(octet_length(e.key) + octet_length(e.value #>> '{}')), 0),
            coalesce(bool_and(jsonb_typeof(e.value) = 'string'), true)
        into extras, extra_size, are_texts
        from jsonb_each(extra) e;
        fault := case
            when not are_texts then 'extra: must be a JSON object of strings'
            when extras > 64 then 'extra: has more than 64 entries'
            when extra_size > 16384 then 'extra: is larger than 16384 bytes'
        end;
    end if;
    if fault is null then
        select format('%s: is longer than %s bytes', t.name, t.most) into fault
        from (values
            ('subject', subject, 512), ('partition_key', partition_key, 512),
            ('source', source, 512), ('correlation_id', correlation_id, 1024),
            ('causation_id', causation_id, 1024), ('user_id', user_id, 1024),
            ('session_id', session_id, 1024), ('request_id', request_id, 1024),
            ('channel', channel, 1024), ('user_agent', user_agent, 1024),
            ('ip_address', ip_address, 1024), ('traceparent', traceparent, 1024),
            ('tracestate', tracestate, 1024)) as t (name, text, most)
        where octet_length(t.text) > t.most
        limit 1;
    end if;
    if fault is null then
        select l.max_event_bytes into most from apus.outbox_limits l;
        size := size + extra_size + octet_length(concat(
            type, tenant, subject, partition_key, source, correlation_id, causation_id, user_id,
            session_id, request_id, channel, user_agent, ip_address, traceparent, tracestate));
        if size > most then
            fault := format('data: the event is larger than %s bytes', most);
        end if;
    end if;
    if fault is not null then
        raise exception '%', fault
            using errcode = '22023', column = split_part(fault, ':', 1);
    end if;
    insert into apus.outbox (
        published_at, published_by, bytes, id, id_chosen, tenant, type, version, data, payload,
        subject, partition_key, source, occurred_at, correlation_id, causation_id, user_id,
        session_id, request_id, channel, user_agent, ip_address, traceparent, tracestate, extra)
    values (
        clock_timestamp(), session_user, size, own_id, id is not null, tenant, type, version, data,
        payload, coalesce(subject, ''), coalesce(partition_key, ''), coalesce(source, ''),
        occurred_at, nullif(correlation_id, ''), nullif(causation_id, ''), nullif(user_id, ''),
        nullif(session_id, ''), nullif(request_id, ''), nullif(channel, ''),
        coalesce(nullif(user_agent, ''), nullif(current_setting('application_name'), '')),
        coalesce(nullif(ip_address, ''), host(inet_client_addr())),
        nullif(traceparent, ''), nullif(tracestate, ''), extra);
    return own_id;
end
$$;

-- Publishes an event as part of the caller's transaction: it is in the log soon after the commit,
-- and never without it. What a parameter leaves out is filled in as for a publish over gRPC.
-- Result: the event's id. Fails with 22023, naming the parameter that is wrong, or with 42501.
create function apus.publish(
    type text, data jsonb, subject text default null, id uuid default null,
    tenant text default null, version integer default null, partition_key text default null,
    source text default null, occurred_at timestamptz default null,
    correlation_id text default null, causation_id text default null, user_id text default null,
    session_id text default null, request_id text default null, channel text default null,
    user_agent text default null, ip_address text default null, traceparent text default null,
    tracestate text default null, extra jsonb default null
) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return apus.put_in_outbox(
        type, data, null, subject, id, tenant, version, partition_key, source, occurred_at,
        correlation_id, causation_id, user_id, session_id, request_id, channel, user_agent,
        ip_address, traceparent, tracestate, extra);
end
$$;

-- The same with the payload as protobuf's bytes. A name of its own, since a literal without a cast
-- could be either.
create function apus.publish_protobuf(
    type text, data bytea, subject text default null, id uuid default null,
    tenant text default null, version integer default null, partition_key text default null,
    source text default null, occurred_at timestamptz default null,
    correlation_id text default null, causation_id text default null, user_id text default null,
    session_id text default null, request_id text default null, channel text default null,
    user_agent text default null, ip_address text default null, traceparent text default null,
    tracestate text default null, extra jsonb default null
) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return apus.put_in_outbox(
        type, null, data, subject, id, tenant, version, partition_key, source, occurred_at,
        correlation_id, causation_id, user_id, session_id, request_id, channel, user_agent,
        ip_address, traceparent, tracestate, extra);
end
$$;

-- Lets a role and its members publish for a tenant, or for every tenant: `*`.
create function apus.allow_publishing(role_name text, tenant text) returns void
language plpgsql as $$
#variable_conflict use_variable
begin
    if tenant is null or tenant !~ '^([A-Za-z0-9._-]{1,64}|\*)$' then
        raise exception 'tenant: must match [A-Za-z0-9._-]{1,64}, or be *'
            using errcode = '22023', column = 'tenant';
    end if;
    execute format('grant usage on schema apus to %I', role_name);
    execute format(
        'grant execute on function apus.publish, apus.publish_protobuf to %I', role_name);
    insert into apus.publishers (role_name, tenant) values (role_name, tenant)
    on conflict do nothing;
end
$$;

-- Takes that back.
create function apus.forbid_publishing(role_name text, tenant text) returns void
language plpgsql as $$
#variable_conflict use_variable
begin
    delete from apus.publishers p
    where p.role_name = forbid_publishing.role_name and p.tenant = forbid_publishing.tenant;
    if to_regrole(quote_ident(role_name)) is not null
        and not exists (select from apus.publishers p where p.role_name = forbid_publishing.role_name)
    then
        execute format(
            'revoke execute on function apus.publish, apus.publish_protobuf from %I', role_name);
    end if;
end
$$;

-- Puts rejected events back into the outbox, in their order: all, or those with these numbers, of
-- this type, of this tenant. With `new_ids` each gets an id of its own, since its old one is taken.
-- Result: how many.
create function apus.retry_rejects(
    numbers bigint[] default null, type text default null, tenant text default null,
    new_ids boolean default false
) returns bigint
language plpgsql as $$
#variable_conflict use_variable
declare
    total bigint;
begin
    with back as (
        delete from apus.outbox_rejects r
        where (numbers is null or r.number = any (numbers))
            and (retry_rejects.type is null or r.type = retry_rejects.type)
            and (retry_rejects.tenant is null or r.tenant = retry_rejects.tenant)
        returning *
    )
    insert into apus.outbox (
        published_at, published_by, bytes, id, id_chosen, tenant, type, version, data, payload,
        subject, partition_key, source, occurred_at, correlation_id, causation_id, user_id,
        session_id, request_id, channel, user_agent, ip_address, traceparent, tracestate, extra)
    select b.published_at, b.published_by, b.bytes,
        case when new_ids then apus.uuid_v7() else b.id end, b.id_chosen and not new_ids, b.tenant,
        b.type, b.version, b.data, b.payload, b.subject, b.partition_key, b.source, b.occurred_at,
        b.correlation_id, b.causation_id, b.user_id, b.session_id, b.request_id, b.channel,
        b.user_agent, b.ip_address, b.traceparent, b.tracestate, b.extra
    from back b
    order by b.number;
    get diagnostics total = row_count;
    return total;
end
$$;

revoke execute on function
    apus.uuid_v7, apus.tenant_of_publisher, apus.put_in_outbox, apus.publish, apus.publish_protobuf,
    apus.allow_publishing, apus.forbid_publishing, apus.retry_rejects
    from public;
