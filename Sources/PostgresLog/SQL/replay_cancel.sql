-- Ends a replay that is not over; the node that runs it loses its lease. $1 id, $2 tenant.
-- No result.
with cancelled as (
    update apus.replays set state = 4, finished_at = clock_timestamp()
    where id = $1 and tenant = $2 and state in (1, 2)
    returning id
), forgotten as (
    delete from apus.leases l using cancelled c where l.name = 'replay/' || c.id::text
)
delete from apus.replay_chunks k using cancelled c where k.replay_id = c.id
