-- Migration 170: handlers share their work by partitions, as groups do. No parameters, no result.

alter table apus.handlers
    -- Grows with each change, so that nodes notice.
    add column version bigint not null default 1,
    add column paused boolean not null default false,
    -- The head when it was told to begin anew.
    add column rebuild_through bigint not null default 0;

-- Runs of the consumer that ended well and that did not, over all time.
alter table apus.consumer_partitions
    add column succeeded bigint not null default 0,
    add column failed bigint not null default 0;

-- One of the consumer's circuits is open on the node.
alter table apus.consumer_members add column broken boolean not null default false;

-- Gives the handlers that have none their 64 partitions, which begin where their cursors are. From
-- here on nobody runs them under a lease: no lease's number is as high as this fence.
create function apus.adopt_handlers() returns void
language sql as $$
    with adopted as (
        update apus.handlers h
        set fence = 9223372036854775807
        where h.fence < 9223372036854775807
        returning h.consumer_id, h.position
    ), parted as (
        insert into apus.consumer_partitions (consumer_id, partition, position, fence)
        select a.consumer_id, p, a.position, (extract(epoch from clock_timestamp()) * 1000000)::bigint
        from adopted a, generate_series(0, 63) as p
        on conflict do nothing
    ), taken_up as (
        delete from apus.unfinished u
        using adopted a
        where u.consumer_id = a.consumer_id
        returning u.consumer_id, u.position
    )
    -- What has a dead letter is open by that alone.
    insert into apus.work
        (consumer_id, partition, position, state, attempt, lost, ticket, fence)
    select t.consumer_id, e.partition, t.position, 1, 1, 0, 0, 0
    from taken_up t
    join apus.events e on e.position = t.position
    where not exists (
        select from apus.dead_letters d
        where d.position = t.position and d.consumer_id = t.consumer_id and d.resolved_at is null)
    on conflict do nothing
$$;
select apus.adopt_handlers();

-- As before, and it counts runs.
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
    record_messages text[], record_retries boolean[], record_nexts timestamptz[]
) returns table (state integer, number bigint)
language plpgsql as $$
#variable_conflict use_column
declare
    good smallint[];
    kept bigint[];
    remarked bigint[] := '{}';
    acknowledged bigint[] := '{}';
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
            holder = case when h.released then null else p.holder end,
            succeeded = p.succeeded + coalesce(t.succeeded, 0),
            failed = p.failed + coalesce(t.failed, 0)
        from unnest(held, fences, serials, cursors, released)
            as h (partition, fence, serial, cursor, released)
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
        select coalesce(array_agg(o.position) filter (where o.verdict = 1), '{}'),
            coalesce(array_agg(o.position) filter (
                where o.revived and o.resolution = 1 and r.position is null), '{}')
        into acknowledged, closed
        from done o left join resolved r on r.position = o.position;
        return query select 3, c from unnest(closed) as c;
    end if;

    if cardinality(dead_positions) > 0 then
        with failed as (
            select f.position, f.reason, coalesce(e.tenant_id, k.tenant_id) as tenant_id
            from unnest(dead_partitions, dead_positions, dead_reasons)
                as f (partition, position, reason)
            left join apus.events e on e.position = f.position
            left join apus.kept_events k on k.position = f.position
            where f.partition = any (good) and not f.position = any (remarked)
                and not f.position = any (acknowledged)
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

-- What each consumer still needs of the log: all behind `position`. An event with an open dead
-- letter is not needed, since that has a copy.
create or replace view apus.consumer_floors (consumer, position) as
select c.name, least(
    coalesce(
        (select min(p.position)
            from apus.consumer_partitions p where p.consumer_id = k.consumer_id),
        k.position),
    (select min(l.position) from apus.consumer_lanes l where l.consumer_id = k.consumer_id),
    (select min(w.position) - 1
        from apus.work w where w.consumer_id = k.consumer_id and w.state <> 3 and not w.revived))
from (
    -- A handler that a node of an older release registered has no partitions yet.
    select h.consumer_id, h.position from apus.handlers h
    union all
    select g.consumer_id, null from apus.groups g
) k
join apus.consumers c on c.id = k.consumer_id
union all
select ('replay/' || r.id) collate "C", min(greatest(t.position, f.position - 1))
from apus.replays r
join apus.replay_targets t on t.replay_id = r.id and t.skipped_reason = ''
cross join lateral (
    select k.positions[1] as position
    from apus.replay_chunks k
    where k.replay_id = r.id
    order by k.last_position
    limit 1
) f
where r.state in (1, 2)
group by r.id;

-- Moves every consumer that is not past a position there, since the events up to it are about to be
-- dropped. One row for each that was moved: its name and where it was.
create or replace function apus.skip_consumers(through bigint)
returns table (consumer text, "position" bigint)
language plpgsql as $$
#variable_conflict use_column
begin
    -- In the order in which batches of work lock them.
    perform from apus.consumer_partitions p
    where p.position < through
    order by p.consumer_id, p.partition
    for no key update;
    return query
        with behind as (
            select f.consumer, f.position
            from apus.consumer_floors f
            where f.position < through
                and not starts_with(f.consumer, 'replay/')
        ), moved as (
            update apus.handlers h
            set position = through
            from apus.consumers c
            where c.id = h.consumer_id and h.position < through
        ), forgotten as (
            delete from apus.unfinished u
            where u.position <= through
                and not exists (
                    select from apus.dead_letters d
                    where d.position = u.position and d.consumer_id = u.consumer_id
                        and d.resolved_at is null)
        ), parted as (
            update apus.consumer_partitions p set position = through where p.position < through
        ), laned as (
            update apus.consumer_lanes l set position = through where l.position < through
        ), dropped as (
            delete from apus.work w
            where w.position <= through and w.state <> 3 and not w.revived
        ), noted as (
            insert into apus.skipped_stretches (consumer, first_position, last_position)
            select b.consumer, b.position + 1, through from behind b
            on conflict do nothing
        )
        select b.consumer, b.position from behind b;
end
$$;
