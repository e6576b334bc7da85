-- Migration 131: how consumers' work is recorded. No parameters, no result.

-- Of the last batch that counted. A batch says which one came before it: when the store lost that
-- one in a crash, or recorded this one already, it shows here.
alter table apus.consumer_partitions add column serial bigint not null default 0;

-- Records a batch of work, all or nothing for each partition.
--
-- `held`: the partitions it belongs to, with the fence under which `holder` holds each, the serial
-- of the batch before, the cursor after, and whether the partition is given back. `row_*`: work as
-- it stands now; delays in microseconds, null: none; `row_heard`: a remark was acted upon.
-- `done_*`: work that is over; the resolution for an open dead letter, zero: none. `dead_*`: new
-- dead letters. `lane_*`: lanes; a null position closes one. `record_*`: the ledger. `durable`: the
-- answer waits for the disk. `repeated`: the batch may have been recorded before.
--
-- Result: state 1 with each partition that was refused, state 2 with each position whose row was
-- left alone because of a remark.
create function apus.consume(
    consumer integer, node text, durable boolean, repeated boolean,
    held smallint[], fences bigint[], serials bigint[], cursors bigint[], released boolean[],
    row_partitions smallint[], row_positions bigint[], row_states smallint[],
    row_attempts integer[], row_lost integer[], row_tickets integer[], row_fences bigint[],
    row_delays bigint[], row_revived boolean[], row_heard boolean[],
    done_partitions smallint[], done_positions bigint[], done_resolutions smallint[],
    dead_partitions smallint[], dead_positions bigint[], dead_reasons text[],
    lane_partitions smallint[], lane_tenants text[], lane_keys text[], lane_positions bigint[],
    record_partitions smallint[], record_positions bigint[], record_attempts integer[],
    record_outcomes smallint[], record_starts timestamptz[], record_durations bigint[],
    record_messages text[], record_retries boolean[], record_nexts timestamptz[]
) returns table (state integer, number bigint)
language plpgsql as $$
#variable_conflict use_column
declare
    good smallint[];
    kept bigint[];
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
            where p.partition is null;
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
            holder = case when h.released then null else p.holder end
        from unnest(held, fences, serials, cursors, released)
            as h (partition, fence, serial, cursor, released)
        where p.consumer_id = consumer and p.partition = h.partition and p.fence = h.fence
            and p.serial = h.serial and p.holder = consume.node
        returning p.partition
    )
    select coalesce(array_agg(m.partition), '{}') into good from moved m;
    return query
        select 1, h::bigint from unnest(held) as h where not h = any (good);

    if cardinality(row_positions) > 0 then
        if true = any (row_heard) then
            update apus.work w
            set verdict = null, verdict_reason = null, verdict_delay_us = null
            from unnest(row_partitions, row_positions, row_heard) as r (partition, position, heard)
            where r.heard and w.consumer_id = consumer and w.partition = r.partition
                and w.position = r.position and r.partition = any (good);
        end if;
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
        return query
            select 2, r.position
            from unnest(row_partitions, row_positions) as r (partition, position)
            where r.partition = any (good) and not r.position = any (coalesce(kept, '{}'));
    end if;

    if cardinality(done_positions) > 0 then
        with done as (
            delete from apus.work w
            using unnest(done_partitions, done_positions, done_resolutions)
                as d (partition, position, resolution)
            where w.consumer_id = consumer and w.partition = d.partition
                and w.position = d.position and d.partition = any (good)
            returning w.position, w.revived, d.resolution
        )
        update apus.dead_letters d
        set resolved_at = clock_timestamp(), resolution = o.resolution
        from done o
        where o.revived and o.resolution > 0 and d.position = o.position
            and d.consumer_id = consumer and d.resolved_at is null;
    end if;

    if cardinality(dead_positions) > 0 then
        with failed as (
            select f.position, f.reason, coalesce(e.tenant_id, k.tenant_id) as tenant_id
            from unnest(dead_partitions, dead_positions, dead_reasons)
                as f (partition, position, reason)
            left join apus.events e on e.position = f.position
            left join apus.kept_events k on k.position = f.position
            where f.partition = any (good)
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

-- Takes those of the partitions that nobody alive holds, or that the node itself held.
create function apus.take_partitions(consumer integer, node text, wanted smallint[])
returns table ("partition" smallint, fence bigint, serial bigint, "position" bigint)
language plpgsql as $$
#variable_conflict use_column
begin
    perform from apus.consumer_partitions p
    where p.consumer_id = consumer and p.partition = any (wanted)
    order by p.partition
    for no key update;
    return query
        update apus.consumer_partitions p
        set holder = take_partitions.node, fence = p.fence + 1
        where p.consumer_id = consumer and p.partition = any (wanted)
            and (p.holder is null or p.holder = take_partitions.node or not exists (
                select from apus.consumer_nodes n
                where n.node = p.holder and n.expires_at > clock_timestamp()))
        returning p.partition, p.fence, p.serial, p.position;
end
$$;
