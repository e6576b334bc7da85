-- Migration 215: work of handlers that is over at once leaves no row. No parameters, no result.

-- Beyond the cursor, up to here the partition's holder may have begun with events that have no row in
-- apus.work; null: with none. Whoever takes the partition over counts one attempt for each of them.
-- It goes with each batch that does not tell of it: those of nodes of the release before.
alter table apus.consumer_partitions add column begun bigint;

-- As before, and it notes what may be begun.
--
-- Records a batch of work, all or nothing for each partition.
--
-- `held`: the partitions it belongs to, with the fence under which `node` holds each, the serial of
-- the batch before, the cursor after, and whether the partition is given back. `row_*`: work as it
-- stands now; delays in microseconds, null: none; `row_heeded`: the remark that was acted upon,
-- zero: none; another that came since stays. `done_*`: work that is over; the resolution for an
-- open dead letter, zero: none. `dead_*`: new dead letters, but for those of which another node
-- said something: that counts. `lane_*`: lanes; a null position closes one. `record_*`: the ledger.
-- `durable`: the answer waits for the disk. `repeated`: the batch may have been recorded before.
-- `begun`: for each partition up to where something without a row may be begun; null: nothing.
--
-- Result: state 1 with each partition that was refused, state 2 with each position whose row was
-- left alone because of a remark, state 3 with each position that succeeded though somebody had
-- closed its dead letter by then.
create function apus.consume(
    consumer integer, node text, durable boolean, repeated boolean,
    held smallint[], fences bigint[], serials bigint[], cursors bigint[], released boolean[],
    row_partitions smallint[], row_positions bigint[], row_states smallint[],
    row_attempts integer[], row_lost integer[], row_tickets integer[], row_fences bigint[],
    row_delays bigint[], row_revived boolean[], row_heeded smallint[],
    done_partitions smallint[], done_positions bigint[], done_resolutions smallint[],
    dead_partitions smallint[], dead_positions bigint[], dead_reasons text[],
    lane_partitions smallint[], lane_tenants text[], lane_keys text[], lane_positions bigint[],
    record_partitions smallint[], record_positions bigint[], record_attempts integer[],
    record_outcomes smallint[], record_starts timestamptz[], record_durations bigint[],
    record_messages text[], record_retries boolean[], record_nexts timestamptz[],
    begun bigint[]
) returns table (state integer, number bigint)
language plpgsql as $$
#variable_conflict use_column
declare
    good smallint[];
    kept bigint[];
    remarked bigint[] := '{}';
    decided bigint[] := '{}';
    closed bigint[] := '{}';
begin
    if not durable then
        perform set_config('synchronous_commit', 'off', true);
    end if;
    if repeated and exists (
        select from apus.consumer_partitions p
        join unnest(held, fences, serials) as h (partition, fence, serial)
            on p.partition = h.partition and p.fence = h.fence and p.serial = h.serial + 1
        where p.consumer_id = consumer
    ) then
        return query
            select 1, h.partition::bigint
            from unnest(held, fences, serials) as h (partition, fence, serial)
            left join apus.consumer_partitions p
                on p.consumer_id = consumer and p.partition = h.partition
                and p.fence = h.fence and p.serial = h.serial + 1
            where p.partition is null
            union all
            select 2, r.position
            from unnest(row_partitions, row_positions) as r (partition, position)
            join unnest(held, fences, serials) as h (partition, fence, serial)
                on h.partition = r.partition
            join apus.consumer_partitions p
                on p.consumer_id = consumer and p.partition = h.partition
                and p.fence = h.fence and p.serial = h.serial + 1
            join apus.work w
                on w.consumer_id = consumer and w.partition = r.partition
                and w.position = r.position and w.verdict is not null;
        return;
    end if;

    -- Held until the commit: nobody takes a partition over in between. In one order, so that nobody
    -- waits in a circle.
    perform from apus.consumer_partitions p
    where p.consumer_id = consumer and p.partition = any (held)
    order by p.partition
    for no key update;
    with moved as (
        update apus.consumer_partitions p
        set position = greatest(p.position, h.cursor), serial = p.serial + 1,
            holder = case when h.released then null else p.holder end,
            begun = nullif(greatest(h.begun, h.cursor), h.cursor),
            succeeded = p.succeeded + coalesce(t.succeeded, 0),
            failed = p.failed + coalesce(t.failed, 0)
        from unnest(held, fences, serials, cursors, released, consume.begun)
            as h (partition, fence, serial, cursor, released, begun)
        left join (
            select r.partition, count(*) filter (where r.outcome in (2, 3)) as succeeded,
                count(*) filter (where r.outcome in (4, 5, 6)) as failed
            from unnest(record_partitions, record_outcomes) as r (partition, outcome)
            group by r.partition
        ) t on t.partition = h.partition
        where p.consumer_id = consumer and p.partition = h.partition and p.fence = h.fence
            and p.serial = h.serial and p.holder = consume.node
        returning p.partition
    )
    select coalesce(array_agg(m.partition), '{}') into good from moved m;
    return query
        select 1, h::bigint from unnest(held) as h where not h = any (good);

    if cardinality(row_positions) > 0 then
        update apus.work w
        set verdict = null, verdict_reason = null, verdict_delay_us = null
        from unnest(row_partitions, row_positions, row_heeded) as r (partition, position, heeded)
        where r.heeded > 0 and w.consumer_id = consumer and w.partition = r.partition
            and w.position = r.position and w.verdict = r.heeded and r.partition = any (good);
        with stored as (
            insert into apus.work as w (
                consumer_id, partition, position, state, attempt, lost, ticket, fence, due_at,
                revived)
            select consumer, r.partition, r.position, r.state, r.attempt, r.lost, r.ticket,
                r.fence, clock_timestamp() + r.delay * interval '1 microsecond', r.revived
            from unnest(row_partitions, row_positions, row_states, row_attempts, row_lost,
                row_tickets, row_fences, row_delays, row_revived)
                as r (partition, position, state, attempt, lost, ticket, fence, delay, revived)
            where r.partition = any (good)
            on conflict (consumer_id, partition, position) do update
            set state = excluded.state, attempt = excluded.attempt, lost = excluded.lost,
                ticket = excluded.ticket, fence = excluded.fence, due_at = excluded.due_at,
                revived = excluded.revived
            where w.verdict is null
            returning w.position
        )
        select array_agg(s.position) into kept from stored s;
        remarked := array(
            select r.position
            from unnest(row_partitions, row_positions) as r (partition, position)
            where r.partition = any (good) and not r.position = any (coalesce(kept, '{}')));
        return query select 2, r from unnest(remarked) as r;
    end if;

    if cardinality(done_positions) > 0 then
        with done as (
            delete from apus.work w
            using unnest(done_partitions, done_positions, done_resolutions)
                as d (partition, position, resolution)
            where w.consumer_id = consumer and w.partition = d.partition
                and w.position = d.position and d.partition = any (good)
            returning w.position, w.revived, w.verdict, d.resolution
        ), resolved as (
            update apus.dead_letters d
            set resolved_at = clock_timestamp(), resolution = o.resolution
            from done o
            where o.revived and o.resolution > 0 and d.position = o.position
                and d.consumer_id = consumer and d.resolved_at is null
            returning d.position
        )
        select coalesce(array_agg(o.position) filter (where o.verdict in (1, 12)), '{}'),
            coalesce(array_agg(o.position) filter (
                where o.revived and o.resolution = 1 and r.position is null), '{}')
        into decided, closed
        from done o left join resolved r on r.position = o.position;
        return query select 3, c from unnest(closed) as c;
    end if;

    if cardinality(dead_positions) > 0 then
        if exists (
            select from unnest(dead_partitions, dead_positions) as f (partition, position)
            where f.partition = any (good)
                and f.position >= (select min(p.first_position) from apus.event_partitions p)
                and not exists (select from apus.events e where e.position = f.position)
        ) then
            raise exception 'an event is not to be seen' using errcode = 'serialization_failure';
        end if;
        with failed as (
            select f.position, f.reason, coalesce(e.tenant_id, k.tenant_id) as tenant_id
            from unnest(dead_partitions, dead_positions, dead_reasons)
                as f (partition, position, reason)
            left join apus.events e on e.position = f.position
            left join apus.kept_events k on k.position = f.position
            where f.partition = any (good) and not f.position = any (remarked)
                and not f.position = any (decided)
        ), copied as (
            insert into apus.kept_events
            select e.* from apus.events e join failed f on e.position = f.position
            on conflict do nothing
        )
        insert into apus.dead_letters as d
            (consumer_id, position, tenant_id, dead_lettered_at, reason)
        select consumer, f.position, f.tenant_id, clock_timestamp(), f.reason
        from failed f
        where f.tenant_id is not null
        on conflict (position, consumer_id) where resolved_at is null do update
        set reason = excluded.reason, dead_lettered_at = excluded.dead_lettered_at;
    end if;

    if cardinality(lane_partitions) > 0 then
        delete from apus.consumer_lanes l
        using unnest(lane_partitions, lane_tenants, lane_keys, lane_positions)
            as c (partition, tenant, key, position)
        where c.position is null and l.consumer_id = consumer and l.partition = c.partition
            and l.tenant = c.tenant and l.key = c.key and c.partition = any (good);
        insert into apus.consumer_lanes (consumer_id, partition, tenant, key, position)
        select consumer, c.partition, c.tenant, c.key, c.position
        from unnest(lane_partitions, lane_tenants, lane_keys, lane_positions)
            as c (partition, tenant, key, position)
        where c.position is not null and c.partition = any (good)
        on conflict (consumer_id, partition, tenant, key) do update
        set position = excluded.position;
    end if;

    if cardinality(record_positions) > 0 then
        insert into apus.ledger
            (position, consumer_id, attempt, outcome, started_at, duration_us, error_message,
            retry_required, next_attempt_at, node)
        select r.position, consumer, r.attempt, r.outcome, r.started_at, r.duration,
            nullif(r.message, ''), r.retry, r.next, consume.node
        from unnest(record_partitions, record_positions, record_attempts, record_outcomes,
            record_starts, record_durations, record_messages, record_retries, record_nexts)
            as r (partition, position, attempt, outcome, started_at, duration, message, retry,
                next)
        where r.partition = any (good);
    end if;
end
$$;

-- For nodes of the release before.
create or replace function apus.consume(
    consumer integer, node text, durable boolean, repeated boolean,
    held smallint[], fences bigint[], serials bigint[], cursors bigint[], released boolean[],
    row_partitions smallint[], row_positions bigint[], row_states smallint[],
    row_attempts integer[], row_lost integer[], row_tickets integer[], row_fences bigint[],
    row_delays bigint[], row_revived boolean[], row_heeded smallint[],
    done_partitions smallint[], done_positions bigint[], done_resolutions smallint[],
    dead_partitions smallint[], dead_positions bigint[], dead_reasons text[],
    lane_partitions smallint[], lane_tenants text[], lane_keys text[], lane_positions bigint[],
    record_partitions smallint[], record_positions bigint[], record_attempts integer[],
    record_outcomes smallint[], record_starts timestamptz[], record_durations bigint[],
    record_messages text[], record_retries boolean[], record_nexts timestamptz[]
) returns table (state integer, number bigint)
language sql as $$
    select c.state, c.number from apus.consume(
        consumer, node, durable, repeated, held, fences, serials, cursors, released,
        row_partitions, row_positions, row_states, row_attempts, row_lost, row_tickets,
        row_fences, row_delays, row_revived, row_heeded, done_partitions, done_positions,
        done_resolutions, dead_partitions, dead_positions, dead_reasons, lane_partitions,
        lane_tenants, lane_keys, lane_positions, record_partitions, record_positions,
        record_attempts, record_outcomes, record_starts, record_durations, record_messages,
        record_retries, record_nexts, null) c
$$;

-- As before, and nothing counts as begun.
--
-- Begins a projection anew where it counts from: its rows, its work and its dead letters go, and
-- whoever holds a partition is refused from then on. `tables`: of the schema apus.
--
-- Result: 1 done, 2 no such handler, 3 retention has dropped what it needs.
create or replace function apus.rebuild_handler(handler text, tables text[]) returns integer
language plpgsql as $$
declare
    consumer integer;
    start bigint;
    emptied text;
begin
    select h.consumer_id, (
        select min(p.counts_after) from apus.handler_patterns p
        where p.consumer_id = h.consumer_id)
    into consumer, start
    from apus.handlers h where h.name = handler
    for update;
    if consumer is null then
        return 2;
    end if;
    -- Until the commit no batch of work is recorded: in the order in which batches lock them.
    perform from apus.consumer_partitions p
    where p.consumer_id = consumer
    order by p.partition
    for no key update;
    if start < coalesce(
        (select min(e.first_position) - 1 from apus.event_partitions e),
        (select max(a.last_position) from apus.appends a), 0)
    then
        return 3;
    end if;
    foreach emptied in array tables loop
        execute format('delete from apus.%I', emptied);
    end loop;
    update apus.consumer_partitions p
    set position = start, fence = p.fence + 1, holder = null, begun = null
    where p.consumer_id = consumer;
    delete from apus.consumer_lanes l where l.consumer_id = consumer;
    delete from apus.work w where w.consumer_id = consumer;
    update apus.dead_letters d
    set resolved_at = clock_timestamp(), resolution = 2
    where d.consumer_id = consumer and d.resolved_at is null and d.position > start;
    update apus.handlers h
    set version = h.version + 1,
        rebuild_through = coalesce((select max(a.last_position) from apus.appends a), 0)
    where h.consumer_id = consumer;
    return 1;
end
$$;
