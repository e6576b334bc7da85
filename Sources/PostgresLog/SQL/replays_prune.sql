-- Deletes replays that ended long ago, with their targets. $1: those that ended before; $2: how many.
-- Result: how many were deleted.
with old as (
    select id from apus.replays
    where finished_at < $1
    order by finished_at
    limit $2
    for update skip locked
), pruned as (
    delete from apus.replays r using old o where r.id = o.id returning 1
)
select count(*) from pruned
