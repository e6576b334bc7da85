-- Finishes positions that were left open, and closes their dead letters.
-- $1 consumer, $2 positions, $3 resolution. The positions that were open.
with finished as (
    delete from apus.unfinished u
    using apus.consumers c
    where c.name = $1 and u.consumer_id = c.id and u.position = any ($2::bigint[])
    returning u.position, u.consumer_id
), resolved as (
    update apus.dead_letters d
    set resolved_at = clock_timestamp(), resolution = $3
    from finished f
    where d.position = f.position and d.consumer_id = f.consumer_id and d.resolved_at is null
)
select position from finished
