-- Migration 247: a dead letter may let go of its key. No parameters, no result.

-- As before, but that a row of which somebody said something survives being let go.
--
-- Records a batch of work, all or nothing for each partition.
--
-- `held`: the partitions it belongs to, with the fence under which `node` holds each, the serial of
-- the batch before, the cursor after, and whether the partition is given back. `row_*`: work as it
-- stands now; delays in microseconds, null: none; `row_heeded`: the remark that was acted upon,
-- zero: none; another that came since stays. `done_*`: work that is over; the resolution for an
-- open dead letter, zero: none; below zero: none, and the row stays if it has a remark. `dead_*`:
-- new dead letters, but for those of which another node said something: that counts. `lane_*`:
-- lanes; a null position closes one. `record_*`: the ledger. `durable`: the answer waits for the
-- disk. `repeated`: the batch may have been recorded before. `begun`: for each partition up to
-- where something without a row may be begun; null: nothing.
--
-- Result: state 1 with each partition that was refused, state 2 with each position whose row was
-- left alone because of a remark, state 3 with each position that succeeded though somebody had
-- closed its dead letter by then.
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
    record_messages text[], record_retries boolean[], record_nexts timestamptz[],
    begun bigint[]
) returns table (state integer, number bigint)
language plpgsql
-- What is looked for is found by an index, whatever statistics say of tables that fill and empty.
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
-- Costs of plans without them are made up, and would have them compiled.
set jit = off
as $$
#variable_conflict use_column
declare
    good smallint[];
    kept bigint[];
    remarked bigint[] := '{}';
    decided bigint[] := '{}';
    revived_positions bigint[];
    revived_resolutions smallint[];
    closed bigint[];
begin
    if not durable then
        perform set_config('synchronous_commit', 'off', true);
    end if;
    if repeated then
        if exists (
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
    end if;

    -- Held until the commit: nobody takes a partition over in between. In one order, so that nobody
    -- waits in a circle.
    select coalesce(array_agg(p.partition), '{}') into good
    from (
        select c.partition, c.fence, c.serial, c.holder
        from apus.consumer_partitions c
        where c.consumer_id = consumer and c.partition = any (held)
        order by c.partition
        for no key update
    ) p
    where p.holder = consume.node
        and p.fence = fences[array_position(held, p.partition)]
        and p.serial = serials[array_position(held, p.partition)];
    with runs as materialized (
        select array_agg(o.partition) as partitions, array_agg(o.succeeded) as succeeded,
            array_agg(o.failed) as failed
        from (
            select r.partition, count(*) filter (where r.outcome in (2, 3)) as succeeded,
                count(*) filter (where r.outcome in (4, 5, 6)) as failed
            from unnest(record_partitions, record_outcomes) as r (partition, outcome)
            group by r.partition
        ) o
    )
    update apus.consumer_partitions p
    set position = greatest(p.position, cursors[array_position(held, p.partition)]),
        serial = p.serial + 1,
        holder = case when released[array_position(held, p.partition)] then null else p.holder end,
        begun = nullif(
            greatest(
                consume.begun[array_position(held, p.partition)],
                cursors[array_position(held, p.partition)]),
            cursors[array_position(held, p.partition)]),
        succeeded = p.succeeded
            + coalesce(r.succeeded[array_position(r.partitions, p.partition)], 0),
        failed = p.failed + coalesce(r.failed[array_position(r.partitions, p.partition)], 0)
    from runs r
    where p.consumer_id = consumer and p.partition = any (good);
    if cardinality(good) < cardinality(held) then
        return query
            select 1, h::bigint from unnest(held) as h where not h = any (good);
    end if;

    if 0 < any (row_heeded) then
        update apus.work w
        set verdict = null, verdict_reason = null, verdict_delay_us = null
        from unnest(row_partitions, row_positions, row_heeded) as r (partition, position, heeded)
        where r.heeded > 0 and w.consumer_id = consumer and w.partition = r.partition
            and w.position = r.position and w.verdict = r.heeded and r.partition = any (good);
    end if;
    if cardinality(row_positions) > 0 then
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
        if coalesce(cardinality(kept), 0) < cardinality(row_positions) then
            remarked := array(
                select r.position
                from unnest(row_partitions, row_positions) as r (partition, position)
                where r.partition = any (good) and not r.position = any (coalesce(kept, '{}')));
            return query select 2, r from unnest(remarked) as r;
        end if;
    end if;

    if cardinality(done_positions) > 0 then
        with done as (
            -- The consumer is one of its columns so that each row is found by its whole key.
            delete from apus.work w
            using (
                select consumer as consumer_id, u.partition, u.position, u.resolution
                from unnest(done_partitions, done_positions, done_resolutions)
                    as u (partition, position, resolution)
                where u.partition = any (good)
                offset 0
            ) d
            where w.consumer_id = d.consumer_id and w.partition = d.partition
                and w.position = d.position and (d.resolution >= 0 or w.verdict is null)
            returning w.position, w.revived, w.verdict, d.resolution
        )
        select coalesce(array_agg(o.position) filter (where o.verdict in (1, 12)), '{}'),
            array_agg(o.position) filter (where o.revived and o.resolution > 0),
            array_agg(o.resolution) filter (where o.revived and o.resolution > 0)
        into decided, revived_positions, revived_resolutions
        from done o;
        if cardinality(revived_positions) > 0 then
            with resolved as (
                update apus.dead_letters d
                set resolved_at = clock_timestamp(), resolution = o.resolution
                from unnest(revived_positions, revived_resolutions) as o (position, resolution)
                where d.consumer_id = consumer and d.position = o.position
                    and d.resolved_at is null
                returning d.position
            )
            select coalesce(array_agg(o.position), '{}') into closed
            from unnest(revived_positions, revived_resolutions) as o (position, resolution)
            where o.resolution = 1 and not exists (
                select from resolved r where r.position = o.position);
            return query select 3, c from unnest(closed) as c;
        end if;
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
