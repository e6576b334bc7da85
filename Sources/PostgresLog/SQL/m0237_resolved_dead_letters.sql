-- Migration 237: resolved dead letters are found by their events. No parameters, no result.

-- In the order in which retention leaves them behind.
create index dead_letters_resolved on apus.dead_letters (position, id)
    where resolved_at is not null;
