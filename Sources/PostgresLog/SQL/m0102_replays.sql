-- Migration 102: replays. No parameters, no result.

-- `state` as apus.v1.ReplayState. Ids are made in order of time.
create table apus.replays (
    id uuid primary key,
    tenant text collate "C" not null,
    request_id text collate "C",
    reason text not null,
    state smallint not null check (state between 1 and 5),
    matched bigint not null,
    max_events_per_second integer not null,
    fence bigint not null default 0,
    started_at timestamptz,
    finished_at timestamptz
);
create unique index replays_request on apus.replays (tenant, request_id)
    where request_id is not null;
create index replays_tenant on apus.replays (tenant, id);
create index replays_unfinished on apus.replays (id) where state in (1, 2);

-- The positions that a replay's plan selected, in order, many in a row.
create table apus.replay_chunks (
    replay_id uuid not null references apus.replays on delete cascade,
    last_position bigint not null,
    positions bigint[] not null,
    primary key (replay_id, last_position)
);

-- What each handler gets of a replay, and how far it is.
create table apus.replay_targets (
    replay_id uuid not null references apus.replays on delete cascade,
    handler text collate "C" not null,
    events bigint not null,
    done bigint not null default 0,
    failed bigint not null default 0,
    skipped_reason text not null,
    position bigint not null default 0,
    primary key (replay_id, handler)
) with (fillfactor = 50);
