-- Closes the dead letters at positions. $1 handler, $2 positions, $3 resolution. The positions that
-- had an open one.
--
-- Whoever holds the partition ends what it still does with the event, or keeps behind it.
with closed as (
    update apus.dead_letters d
    set resolved_at = clock_timestamp(), resolution = $3
    from apus.handlers h
    where h.name = $1 and d.consumer_id = h.consumer_id and d.position = any ($2::bigint[])
        and d.resolved_at is null
    returning d.position, d.consumer_id
), ended as (
    update apus.work w
    set verdict = 12, verdict_reason = '', verdict_delay_us = 0
    from closed c
    join apus.kept_events k on k.position = c.position
    where w.consumer_id = c.consumer_id and w.partition = k.partition and w.position = c.position
)
select position from closed
