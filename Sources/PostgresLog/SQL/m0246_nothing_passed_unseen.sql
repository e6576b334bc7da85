-- Migration 246: what is not to be seen is not passed by. No parameters, no result.

-- As before, but a position that is not found is not taken for one from before the moment: either
-- retention dropped it meanwhile, or a plan lacks the newest partition. A plan that is made now most
-- likely has it; if not, whoever asks has to ask again.
create or replace function apus.position_before(moment timestamptz) returns bigint
language plpgsql stable as $$
declare
    low bigint;
    high bigint;
    middle bigint;
    at timestamptz;
begin
    select max(a.last_position) + 1 into high from apus.appends a;
    select coalesce(min(p.first_position), high) - 1 into low from apus.event_partitions p;
    while high - low > 1 loop
        middle := (low + high) / 2;
        select e.recorded_at into at from apus.events e where e.position = middle;
        if at is null then
            execute 'select e.recorded_at from apus.events e where e.position = $1' into at
            using middle;
        end if;
        if at is null and middle >= (select min(p.first_position) from apus.event_partitions p) then
            raise exception 'an event is not to be seen' using errcode = 'serialization_failure';
        end if;
        if at >= moment then
            high := middle;
        else
            low := middle;
        end if;
    end loop;
    return low;
end
$$;

-- As before, and refuses payloads that do not begin right behind the position, or leave one out, unless
-- retention has dropped what is missing: it would be missing for good.
create or replace function apus.keep_payloads(
    wanted bigint, after bigint, positions bigint[], payloads text[]
) returns setof bigint
language plpgsql as $$
declare
    through constant bigint := positions[cardinality(positions)];
    kept integer;
    earliest bigint;
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
    select min(p.first_position) into earliest from apus.event_partitions p;
    if kept < through - greatest(after, earliest - 1) then
        raise exception 'an event is missing' using errcode = 'serialization_failure';
    end if;
    update apus.payload_head h set position = through;
    return query select max(a.last_position) - through from apus.appends a;
end
$$;
