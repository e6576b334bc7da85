-- Migration 241: what a look for waiting replays, and the pruning of ended ones, go by. No parameters,
-- no result.
create index replays_open on apus.replays (tenant, id) where state in (1, 2);
create index replays_finished on apus.replays (finished_at) where finished_at is not null;
