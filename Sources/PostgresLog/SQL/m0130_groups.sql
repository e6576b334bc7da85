-- Migration 130: consumers that share work by partitions, and groups. No parameters, no result.

-- One row a group. Its consumer is `group/TENANT/NAME`. `version` grows with each change, so that
-- nodes notice.
create table apus.groups (
    consumer_id integer primary key references apus.consumers,
    tenant text collate "C" not null,
    name text collate "C" not null,
    -- The filter: patterns, tenants (null: all), and what else it asks for.
    types text[] not null,
    tenants text[],
    subject_prefix text collate "C" not null,
    sources text[] not null,
    kinds smallint[] not null,
    -- 1 beginning, 2 end, 3 after start_position, 4 since start_at.
    start_kind smallint not null check (start_kind between 1 and 4),
    start_position bigint,
    start_at timestamptz,
    -- As apus.v1.GroupOrdering.
    ordering smallint not null check (ordering between 1 and 2),
    max_attempts integer not null,
    ack_deadline_us bigint not null,
    version bigint not null default 1,
    created_at timestamptz not null default clock_timestamp(),
    unique (tenant, name)
);

-- Who is alive: a node whose row has expired, or that has none, holds nothing.
create table apus.consumer_nodes (
    node text collate "C" primary key,
    expires_at timestamptz not null
) with (fillfactor = 50);

-- How many members of a consumer are connected to each node: partitions go where members are.
create table apus.consumer_members (
    consumer_id integer not null,
    node text collate "C" not null,
    members integer not null,
    primary key (consumer_id, node)
);

-- 64 rows a consumer. All up to `position` is finished, or has a row in apus.work, or belongs to a
-- lane. `fence` grows with each new holder; what bears an older one is refused.
create table apus.consumer_partitions (
    consumer_id integer not null references apus.consumers,
    partition smallint not null check (partition between 0 and 63),
    position bigint not null,
    holder text collate "C",
    fence bigint not null,
    primary key (consumer_id, partition)
) with (fillfactor = 50);

-- Events of one tenant, or of one of its keys, that the partition's cursor skipped: all beyond
-- `position` and up to the cursor are still to be read. `key` is empty for a whole tenant.
create table apus.consumer_lanes (
    consumer_id integer not null,
    partition smallint not null,
    tenant text collate "C" not null,
    key text collate "C" not null,
    position bigint not null,
    primary key (consumer_id, partition, tenant, key)
) with (fillfactor = 50);

-- Events that were taken up and are not finished.
create table apus.work (
    consumer_id integer not null,
    partition smallint not null,
    position bigint not null,
    -- 1 waits, 2 handed out, 3 a dead letter that holds its key.
    state smallint not null,
    -- Hand-outs that count.
    attempt integer not null,
    -- Of them, those lost with their member.
    lost integer not null,
    -- All hand-outs. With the fence of the holder that handed out it tells one from the others.
    ticket integer not null,
    fence bigint not null,
    -- Of a waiting one: not to be handed out earlier.
    due_at timestamptz,
    -- It was a dead letter, which is still open.
    revived boolean not null default false,
    -- What was said of it on another node, for the holder to act on: an apus.v1.AckAction, or
    -- 11 retry the dead letter, 12 discard it.
    verdict smallint,
    verdict_reason text,
    verdict_delay_us bigint,
    primary key (consumer_id, partition, position)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
create index work_verdicts on apus.work (consumer_id, partition) where verdict is not null;

create index dead_letters_open_of on apus.dead_letters (consumer_id, position)
    where resolved_at is null;
