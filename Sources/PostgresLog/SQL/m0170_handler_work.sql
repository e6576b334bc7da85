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
