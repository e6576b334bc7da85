-- Completes a replay, and drops the plan and the lease that nobody needs any more. $1 id, $2
-- fencing number. No result.
with completed as (
    update apus.replays set state = 3, finished_at = clock_timestamp()
    where id = $1 and fence = $2 and state = 2
    returning id
), forgotten as (
    delete from apus.leases l using completed c where l.name = 'replay/' || c.id::text
)
delete from apus.replay_chunks k using completed c where k.replay_id = c.id
