-- Migration 1: the log. No parameters, no result.

-- The head of the log. An append locks the row first and holds it until its commit, so commits
-- come in order of position. The row is locked, not updated: a row updated by every append would
-- leave its dead versions to be walked by every later one while any old transaction is open.
create table apus.log_head (
    one boolean primary key default true check (one),
    -- Partitions exist for positions up to here.
    covered_through bigint not null,
    -- Positions in each new partition.
    partition_size bigint not null check (partition_size > 0)
);
insert into apus.log_head (covered_through, partition_size) values (0, 1000000);

-- One row an append, only ever inserted: the newest is the head's position and time. The batch id
-- tells a node whether an append whose answer it never got was committed.
create table apus.appends (
    last_position bigint primary key,
    first_position bigint not null,
    recorded_at timestamptz not null,
    batch uuid not null
);
insert into apus.appends values (0, 0, '-infinity', '00000000-0000-0000-0000-000000000000');

-- A stretch of the log's life on one Postgres history; see apus.open_epoch().
create table apus.log_epochs (
    ordinal integer generated always as identity primary key,
    id bigint not null unique,
    opened_after bigint not null,
    opened_at timestamptz not null default clock_timestamp(),
    system_identifier bigint not null,
    timeline text not null
);

-- Rows of the log hold the numbers of tenants and types: they are smaller and faster than names.
create table apus.tenants (
    id integer generated always as identity primary key,
    name text collate "C" not null unique
);
create table apus.types (
    id integer generated always as identity primary key,
    name text collate "C" not null,
    version integer not null,
    message text collate "C" not null,
    unique (name, version, message)
);

-- Every id that was ever published, also after retention dropped its event. The key starts with
-- the id, since time-ordered ids then go to the right edge of the index. The subject key is a
-- digest of tenant and subject: its index finds a subject's newest position, for ever, and is
-- only ever appended to.
create table apus.identities (
    position bigint not null,
    tenant_id integer not null,
    id uuid not null,
    fingerprint uuid not null,
    subject_key uuid,
    primary key (id, tenant_id)
);
create index identities_subject on apus.identities (subject_key, position)
    where subject_key is not null;

-- The events, partitioned by position; whole partitions are dropped, rows never. There is no
-- default partition: partitions are made ahead by apus.add_events_partition().
create table apus.events (
    position bigint not null,
    occurred_at timestamptz not null,
    recorded_at timestamptz not null,
    id uuid not null,
    tenant_id integer not null,
    type_id integer not null,
    partition smallint not null,
    kind smallint not null,
    -- Nanoseconds that occurred_at cannot hold: 0...999.
    occurred_nanos smallint not null,
    source text collate "C" not null,
    subject text collate "C" not null,
    -- Null: the subject, or the tenant where there is none.
    partition_key text collate "C",
    -- Null: the event's own id.
    correlation_id text collate "C",
    causation_id text collate "C",
    user_id text collate "C",
    session_id text collate "C",
    request_id text collate "C",
    channel text collate "C",
    user_agent text collate "C",
    ip_address text collate "C",
    traceparent text collate "C",
    tracestate text collate "C",
    extra jsonb,
    data bytea not null,
    primary key (position)
) partition by range (position);
alter table apus.events alter column data set storage external;
-- A tenant's history, without reading everybody's.
create index events_tenant on apus.events (tenant_id, position);

create table apus.event_partitions (
    first_position bigint primary key,
    last_position bigint not null unique,
    name text not null unique,
    made_at timestamptz not null default clock_timestamp()
);

-- Adds the next partition and answers the last position covered then. Takes no lock that an
-- append or a read waits on: the table is made first and attached empty.
create function apus.add_events_partition() returns bigint
language plpgsql as $$
declare
    first bigint;
    beyond bigint;
    name text;
begin
    perform pg_advisory_xact_lock(5053001, 1);
    select coalesce(max(p.last_position), 0) + 1 into first from apus.event_partitions p;
    select first + h.partition_size into beyond from apus.log_head h;
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

-- Opens a new epoch when this is another Postgres history than before: a restore, a failover.
-- Called by every node that is about to append, before it does.
create function apus.open_epoch() returns void
language plpgsql as $$
declare
    here_system bigint;
    here_timeline text := left(pg_walfile_name(pg_current_wal_lsn()), 8);
begin
    select c.system_identifier into here_system from pg_control_system() c;
    perform from apus.log_head h for no key update;
    if exists (
        select from (select * from apus.log_epochs order by ordinal desc limit 1) e
        where e.system_identifier = here_system and e.timeline = here_timeline
    ) then
        return;
    end if;
    insert into apus.log_epochs (id, opened_after, system_identifier, timeline)
    select hashtextextended(gen_random_uuid()::text, 0), max(a.last_position), here_system,
        here_timeline
    from apus.appends a;
end
$$;

-- The position to read after to see what was recorded at the moment or later. Positions are dense
-- and times never run backwards along them, so halving finds it without an index on time.
create function apus.position_before(moment timestamptz) returns bigint
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
        if at >= moment then
            high := middle;
        else
            low := middle;
        end if;
    end loop;
    return low;
end
$$;
