-- Migration 165: the append of one event. No parameters, no result.

-- What apus.append() of migration 111 does with a batch of one request with one event and no
-- precondition, at 0.6 of its cost: nothing is an array, the answer is one value, and every
-- statement inserts what it has in hand. Parameters: as there, but of the one event; `chosen`: its
-- id may be known.
--
-- Result: the event's position and its time, 8 bytes each, as Postgres sends them. Null when the id
-- is known: then nothing is stored, and apus.append() tells what is there.
create function apus.append_one(
    batch uuid, chosen boolean, id uuid, tenant integer, fingerprint uuid, subject_key uuid,
    type integer, kind smallint, partition smallint, occurred timestamptz, nanos smallint,
    source text, subject text, partition_key text, correlation text, causation text, "user" text,
    session text, request_id text, channel text, agent text, address text, parent text, state text,
    extra jsonb, payload bytea, checksum bigint
) returns bytea
language plpgsql as $$
#variable_conflict use_column
declare
    base bigint;
    covered bigint;
    now_at timestamptz;
begin
    select h.covered_through into covered from apus.log_head h for no key update;
    if chosen then
        perform from apus.identities i where i.id = append_one.id and i.tenant_id = tenant;
        if found then
            return null;
        end if;
    end if;
    select a.last_position + 1, greatest(a.recorded_at, clock_timestamp()) into base, now_at
    from apus.appends a order by a.last_position desc limit 1;
    while base > covered loop
        covered := apus.add_events_partition();
        update apus.log_head set covered_through = greatest(covered_through, covered);
    end loop;
    insert into apus.appends (last_position, first_position, recorded_at, batch)
    values (base, base, now_at, batch);
    insert into apus.identities (position, tenant_id, id, fingerprint, subject_key)
    values (base, tenant, id, fingerprint, subject_key);
    insert into apus.events (
        position, occurred_at, recorded_at, id, tenant_id, type_id, partition, kind,
        occurred_nanos, source, subject, partition_key, correlation_id, causation_id, user_id,
        session_id, request_id, channel, user_agent, ip_address, traceparent, tracestate, extra,
        data, checksum)
    values (
        base, occurred, now_at, id, tenant, type, partition, kind, nanos, source, subject,
        partition_key, correlation, causation, "user", session, request_id, channel, agent,
        address, parent, state, extra, payload, checksum);
    return int8send(base) || timestamptz_send(now_at);
end
$$;
