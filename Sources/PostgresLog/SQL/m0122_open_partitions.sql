-- Migration 122: partitions that come while others are at work. No parameters, no result.
--
-- A transaction that adds a partition holds no lock that readers or appends wait on, so those may
-- see what it committed a moment before they hear of the partition. Nobody relies on a partition
-- before it is open: its transaction is over, to the release of its advisory lock, and by then all
-- sessions were told.

-- The last position of the open partitions.
create table apus.partitions_open (
    one boolean primary key default true check (one),
    through bigint not null
);
select pg_advisory_xact_lock(5053001, 1);
insert into apus.partitions_open (through)
select coalesce(max(p.last_position), 0) from apus.event_partitions p;

-- How far the plan of the statement that asks is sure to see. A statement is planned, then takes its
-- snapshot: a partition that was made and filled in between is not in the plan, though the snapshot
-- holds its events. Said to be immutable, so that it is answered when the statement is planned. Who
-- reads events up to a head that the same statement looks up reads no further than this.
create function apus.planned_through() returns bigint
language plpgsql immutable as $$
begin
    return (select o.through from apus.partitions_open o);
end
$$;

-- Opens the partitions that other transactions made. Changing the table's entry in the catalogue
-- makes every older plan void. Result: last position open then.
create function apus.open_partitions() returns bigint
language plpgsql as $$
declare
    reached bigint;
begin
    perform pg_advisory_xact_lock(5053001, 1);
    select greatest(
        (select max(p.last_position) from apus.event_partitions p
            where p.xmin <> pg_current_xact_id()::xid),
        (select max(e.last_position) from apus.expired_partitions e),
        o.through)
    into reached
    from apus.partitions_open o;
    if reached > (select o.through from apus.partitions_open o) then
        alter table only apus.events alter column position set statistics -1;
        update apus.partitions_open set through = reached;
    end if;
    return reached;
end
$$;

-- As before, but room that others made is taken before more is made.
create or replace function apus.add_events_partition() returns bigint
language plpgsql as $$
declare
    reached bigint;
    covered bigint;
    size bigint;
    first bigint;
    name text;
begin
    reached := apus.open_partitions();
    select h.covered_through, h.partition_size into covered, size from apus.log_head h;
    if reached > covered then
        return reached;
    end if;
    select
        greatest(
            covered, reached,
            (select max(p.last_position) from apus.event_partitions p),
            (select max(a.last_position) from apus.appends a)) + 1
    into first;
    name := 'events_from_' || first;
    execute format('create table apus.%I (like apus.events including all)', name);
    execute format(
        'alter table apus.events attach partition apus.%I for values from (%s) to (%s)',
        name, first, first + size);
    insert into apus.event_partitions (first_position, last_position, name)
    values (first, first + size - 1, name);
    return first + size - 1;
end
$$;

-- Appends are told of open partitions only. Who made one by itself goes on in it all the same; the
-- next one asks for room, finds it, and has waited for that transaction to be over.
create function apus.cap_covered_through() returns trigger
language plpgsql as $$
begin
    new.covered_through := greatest(
        old.covered_through,
        least(new.covered_through, (select o.through from apus.partitions_open o)));
    return new;
end
$$;
create trigger cap_covered_through before update of covered_through on apus.log_head
for each row execute function apus.cap_covered_through();
