-- Migration 101: leases, and the handlers' books. No parameters, no result.

-- The right to run something on one node. Rows stay, so that fencing numbers only grow.
create table apus.leases (
    name text collate "C" primary key,
    holder text not null,
    fence bigint not null,
    expires_at timestamptz not null
) with (fillfactor = 50);

-- Who consumes events: `handler/NAME`, later `group/NAME`, `webhook/NAME`, `kafka/TOPIC`.
create table apus.consumers (
    id integer generated always as identity primary key,
    name text collate "C" not null unique
);

-- One row a handler that any node ever registered. `position` is its cursor: all that it wants up
-- to there is finished, but for what is in apus.unfinished. `fence` is that of the lease under
-- which it runs: results with another are refused.
create table apus.handlers (
    consumer_id integer primary key references apus.consumers,
    name text collate "C" not null unique,
    external_side_effects boolean not null,
    position bigint not null,
    fence bigint not null default 0,
    registered_at timestamptz not null default clock_timestamp()
) with (fillfactor = 50);

-- What a handler wants, and from which position on it counts for an event's status.
create table apus.handler_patterns (
    consumer_id integer not null references apus.handlers on delete cascade,
    pattern text collate "C" not null,
    regex text collate "C" not null,
    counts_after bigint not null,
    primary key (consumer_id, pattern)
);

-- Positions below a handler's cursor that it has not finished.
create table apus.unfinished (
    position bigint not null,
    consumer_id integer not null references apus.consumers,
    tenant_id integer not null,
    primary key (position, consumer_id)
);
create index unfinished_tenant on apus.unfinished (tenant_id, position);

-- Events that were given up on. Open while `resolved_at` is null.
create table apus.dead_letters (
    id bigint generated always as identity primary key,
    consumer_id integer not null references apus.consumers,
    position bigint not null,
    tenant_id integer not null,
    dead_lettered_at timestamptz not null,
    -- A class and a reference; the text is in the operator's log.
    reason text not null,
    resolved_at timestamptz,
    -- 1: a retry succeeded; 2: discarded; 3: a replay succeeded.
    resolution smallint check (resolution between 1 and 3),
    check ((resolved_at is null) = (resolution is null))
);
create unique index dead_letters_open on apus.dead_letters (position, consumer_id)
    where resolved_at is null;
create index dead_letters_consumer on apus.dead_letters (consumer_id, id);

-- Copies of the events of dead letters: they outlive retention.
create table apus.kept_events (
    like apus.events including storage,
    primary key (position)
);

-- Who was handed which event, when, with what result. `outcome` as apus.v1.DeliveryOutcome.
create table apus.ledger (
    id bigint generated always as identity,
    position bigint not null,
    consumer_id integer not null,
    attempt integer not null,
    outcome smallint not null,
    started_at timestamptz not null,
    duration_us bigint not null,
    error_message text,
    retry_required boolean not null default false,
    next_attempt_at timestamptz,
    node text not null,
    replay_id uuid,
    primary key (position, id)
);
