-- Migration 240: nobody who may log in, and no tenant, holds up what others append. No parameters, no
-- result.

-- Held by who makes, opens or drops partitions. Advisory locks are anybody's: a role that may do no
-- more than connect could take the one that this was, and every append would wait for it.
create table apus.partition_lock ();

-- Keeps everybody else from making, opening or dropping partitions until the transaction ends. A
-- dump is not kept from reading.
create function apus.lock_partitions() returns void
language plpgsql as $$
begin
    lock table apus.partition_lock in exclusive mode;
end
$$;

-- Keeps everybody from making, opening or dropping partitions until the transaction ends.
create function apus.share_partitions() returns void
language plpgsql as $$
begin
    lock table apus.partition_lock in share mode;
end
$$;

do $$
declare
    locking constant text := 'pg_advisory_xact_lock(5053001, 1)';
    definition text;
begin
    for definition in
        select pg_get_functiondef(p.oid)
        from pg_proc p
        where p.pronamespace = 'apus'::regnamespace and position(locking in p.prosrc) > 0
    loop
        execute replace(definition, locking, 'apus.lock_partitions()');
    end loop;
end
$$;

-- As apus.append() of migration 111, but the last event of a subject is looked for among those of
-- the request's tenant: the key is a digest that another tenant may have found a subject for.
create or replace function apus.append(
    batch uuid, sizes integer[], partial boolean[],
    held_requests integer[], held_keys uuid[], held_positions bigint[],
    chosen boolean[], ids uuid[], tenants integer[], fingerprints uuid[], subject_keys uuid[],
    types integer[], kinds smallint[], partitions smallint[], occurred timestamptz[],
    nanos smallint[], sources text[], subjects text[], partition_keys text[],
    correlations text[], causations text[], users text[], sessions text[], request_ids text[],
    channels text[], agents text[], addresses text[], parents text[], states text[],
    extras jsonb[], payloads bytea[], checksums bigint[]
) returns table (
    state integer, ordinal integer, "position" bigint, stored integer, recorded_at timestamptz,
    fingerprint uuid
)
language plpgsql as $$
#variable_conflict use_column
declare
    base bigint;
    covered bigint;
    now_at timestamptz;
    total integer := cardinality(ids);
    keep integer := cardinality(ids);
    plain boolean := false;
    positions bigint[];
    requests integer[];
    known integer[];
    known_positions bigint[];
    known_fingerprints uuid[];
    known_same boolean[];
    refused integer[] := '{}';
    moved integer[] := '{}';
    moved_positions bigint[];
begin
    select h.covered_through into covered from apus.log_head h for no key update;
    select a.last_position, greatest(a.recorded_at, clock_timestamp()) into base, now_at
    from apus.appends a order by a.last_position desc limit 1;

    if cardinality(chosen) > 0 then
        select array_agg(e.ordinal), array_agg(i.position), array_agg(i.fingerprint),
            array_agg(i.fingerprint = e.fingerprint)
        into known, known_positions, known_fingerprints, known_same
        from unnest(ids, tenants, fingerprints, chosen) with ordinality
            as e (id, tenant, fingerprint, chosen, ordinal)
        join apus.identities i on i.id = e.id and i.tenant_id = e.tenant
        where e.chosen;
    end if;

    if known is null and cardinality(held_requests) = 0 then
        plain := true;
    else
        known := coalesce(known, '{}');
        requests := array(
            select s.request::integer
            from unnest(sizes) with ordinality as s (size, request), generate_series(1, s.size)
            order by s.request);
        refused := array(
            select distinct requests[k.ordinal]
            from unnest(known, known_same) as k (ordinal, same)
            where not k.same and not partial[requests[k.ordinal]]);
        select coalesce(array_agg(h.request), '{}'), array_agg(h.actual)
        into moved, moved_positions
        from (
            select h.request, h.expected,
                coalesce((
                    select i.position from apus.identities i
                    where i.subject_key = h.key and i.tenant_id = tenants[1 + (
                        select coalesce(sum(s.size), 0)
                        from unnest(sizes[:h.request - 1]) as s (size))]
                    order by i.position desc limit 1), 0) as actual
            from unnest(held_requests, held_keys, held_positions) as h (request, key, expected)
            where not h.request = any (refused)
        ) h
        where h.actual <> h.expected
            and sizes[h.request] > (
                select count(*) from unnest(known, known_same) as k (ordinal, same)
                where k.same and requests[k.ordinal] = h.request);
        refused := refused || moved;
        positions := array(
            select case when e.fresh then base + count(*) filter (where e.fresh) over (
                order by e.ordinal) end
            from (
                select e.ordinal, not (e.ordinal = any (known) or e.request = any (refused))
                from unnest(requests) with ordinality as e (request, ordinal)
            ) as e (ordinal, fresh)
            order by e.ordinal);
        keep := (select count(p) from unnest(positions) as p);
        return query
            select case when k.same then 1 else 2 end, k.ordinal, k.position, 0, now_at,
                k.fingerprint
            from unnest(known, known_same, known_positions, known_fingerprints)
                as k (ordinal, same, position, fingerprint);
        return query
            select 3, m.request, m.position, 0, now_at, null::uuid
            from unnest(moved, moved_positions) as m (request, position);
    end if;

    if keep > 0 then
        while base + keep > covered loop
            covered := apus.add_events_partition();
            update apus.log_head set covered_through = greatest(covered_through, covered);
        end loop;
        if plain then
            with appended as (
                insert into apus.appends (last_position, first_position, recorded_at, batch)
                values (base + total, base + 1, now_at, batch)
            ), identified as (
                insert into apus.identities (position, tenant_id, id, fingerprint, subject_key)
                select base + n, tenants[n], ids[n], fingerprints[n], subject_keys[n]
                from generate_series(1, total) as n
            )
            insert into apus.events (
                position, occurred_at, recorded_at, id, tenant_id, type_id, partition, kind,
                occurred_nanos, source, subject, partition_key, correlation_id, causation_id,
                user_id, session_id, request_id, channel, user_agent, ip_address, traceparent,
                tracestate, extra, data, checksum)
            select base + n, occurred[n], now_at, ids[n], tenants[n], types[n], partitions[n],
                kinds[n], nanos[n], sources[n], subjects[n], partition_keys[n], correlations[n],
                causations[n], users[n], sessions[n], request_ids[n], channels[n], agents[n],
                addresses[n], parents[n], states[n], extras[n], payloads[n], checksums[n]
            from generate_series(1, total) as n;
        else
            with appended as (
                insert into apus.appends (last_position, first_position, recorded_at, batch)
                values (base + keep, base + 1, now_at, batch)
            ), identified as (
                insert into apus.identities (position, tenant_id, id, fingerprint, subject_key)
                select e.position, e.tenant, e.id, e.fingerprint, e.subject_key
                from unnest(positions, tenants, ids, fingerprints, subject_keys)
                    as e (position, tenant, id, fingerprint, subject_key)
                where e.position is not null
            )
            insert into apus.events (
                position, occurred_at, recorded_at, id, tenant_id, type_id, partition, kind,
                occurred_nanos, source, subject, partition_key, correlation_id, causation_id, user_id,
                session_id, request_id, channel, user_agent, ip_address, traceparent, tracestate,
                extra, data, checksum)
            select e.position, e.occurred, now_at, e.id, e.tenant, e.type, e.partition, e.kind,
                e.nanos, e.source, e.subject, e.partition_key, e.correlation, e.causation, e.user_id,
                e.session, e.request, e.channel, e.agent, e.address, e.parent, e.state, e.extra,
                e.payload, e.checksum
            from unnest(positions, occurred, ids, tenants, types, partitions, kinds, nanos, sources,
                subjects, partition_keys, correlations, causations, users, sessions, request_ids,
                channels, agents, addresses, parents, states, extras, payloads, checksums)
                as e (position, occurred, id, tenant, type, partition, kind, nanos, source, subject,
                    partition_key, correlation, causation, user_id, session, request, channel, agent,
                    address, parent, state, extra, payload, checksum)
            where e.position is not null;
        end if;
    end if;
    return query select 0, 0, base, keep, now_at, null::uuid;
end
$$;
