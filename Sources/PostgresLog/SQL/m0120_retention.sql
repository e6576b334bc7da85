-- Migration 120: retention. No parameters, no result.

-- Partitions that retention has taken out of the log, until their tables are gone. Readers go by
-- apus.event_partitions: what has left it does not exist for them, though its table may still be
-- attached while some old transaction is open.
create table apus.expired_partitions (
    first_position bigint primary key,
    last_position bigint not null unique,
    name text not null unique,
    expired_at timestamptz not null default clock_timestamp()
);

-- Stretches of the log, both ends inclusive, that a hard limit dropped before the consumer was done
-- with them.
create table apus.skipped_stretches (
    consumer text collate "C" not null,
    first_position bigint not null,
    last_position bigint not null,
    skipped_at timestamptz not null default clock_timestamp(),
    primary key (consumer, last_position)
);

-- What each consumer still needs of the log: all behind `position`. An event with an open dead
-- letter is not needed, since that has a copy. Who brings consumers of another kind replaces this
-- view and apus.skip_consumers() below.
create view apus.consumer_floors (consumer, position) as
select c.name, least(h.position, (
    select u.position - 1
    from apus.unfinished u
    where u.consumer_id = h.consumer_id
        and not exists (
            select from apus.dead_letters d
            where d.position = u.position and d.consumer_id = u.consumer_id
                and d.resolved_at is null)
    order by u.position
    limit 1))
from apus.handlers h
join apus.consumers c on c.id = h.consumer_id
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
create function apus.skip_consumers(through bigint)
returns table (consumer text, "position" bigint)
language plpgsql as $$
#variable_conflict use_column
begin
    return query
        with behind as (
            select f.consumer, f.position
            from apus.consumer_floors f
            where f.position < through and starts_with(f.consumer, 'handler/')
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
        ), noted as (
            insert into apus.skipped_stretches (consumer, first_position, last_position)
            select b.consumer, b.position + 1, through from behind b
            on conflict do nothing
        )
        select b.consumer, b.position from behind b;
end
$$;

-- Takes the partitions up to a position out of the log. From the commit on their events count as
-- dropped; consumers that were not past them have been moved. One row for each of those.
create function apus.expire_partitions(through bigint)
returns table (consumer text, "position" bigint)
language plpgsql as $$
#variable_conflict use_column
begin
    perform pg_advisory_xact_lock(5053001, 1);
    with expired as (
        delete from apus.event_partitions p
        where p.last_position <= through
        returning p.first_position, p.last_position, p.name
    )
    insert into apus.expired_partitions (first_position, last_position, name)
    select e.first_position, e.last_position, e.name from expired e;
    return query select s.consumer, s.position from apus.skip_consumers(through) s;
end
$$;

-- Drops the table of an expired partition that is no longer attached.
create function apus.drop_expired_partition(wanted text) returns void
language plpgsql as $$
declare
    found text;
begin
    delete from apus.expired_partitions e where e.name = wanted returning e.name into found;
    if found is not null then
        execute format('drop table if exists apus.%I', found);
    end if;
end
$$;

-- As before, but a log of which every partition was dropped goes on where it was.
create or replace function apus.add_events_partition() returns bigint
language plpgsql as $$
declare
    first bigint;
    beyond bigint;
    name text;
begin
    perform pg_advisory_xact_lock(5053001, 1);
    select
        greatest(
            h.covered_through,
            (select max(p.last_position) from apus.event_partitions p),
            (select max(e.last_position) from apus.expired_partitions e),
            (select max(a.last_position) from apus.appends a)) + 1,
        h.partition_size
    into first, beyond
    from apus.log_head h;
    beyond := first + beyond;
    name := 'events_from_' || first;
    execute format('create table apus.%I (like apus.events including all)', name);
    execute format(
        'alter table apus.events attach partition apus.%I for values from (%s) to (%s)',
        name, first, beyond);
    insert into apus.event_partitions (first_position, last_position, name)
    values (first, beyond - 1, name);
    return beyond - 1;
end
$$;
