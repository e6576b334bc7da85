-- Dead letters that are to be tried again before long. $1 consumer, $2 partitions,
-- $3 microseconds from now within which they are due, $4 how many, $5 whether also those that
-- nobody has heard of. As work_left.sql, but for the delay, which is not null, then whether it is
-- open still; in order of when they are due, then by position.
select w.partition, w.position, w.state, w.attempt, w.lost, w.ticket, w.fence,
    case when isfinite(w.revive_at)
        then (extract(epoch from w.revive_at - clock_timestamp()) * 1000000)::bigint
        else coalesce(w.verdict_delay_us, 0)
    end,
    w.revived, case when isfinite(w.revive_at)
        then (extract(epoch from w.revive_at) * 1000000)::bigint else 0 end,
    -- It may have been closed while it was chosen.
    exists (
        select from apus.dead_letters d
        where d.consumer_id = $1 and d.position = w.position and d.resolved_at is null)
from unnest($2::smallint[]) as h (partition)
cross join lateral (
    select *
    from apus.work w
    where w.consumer_id = $1 and w.partition = h.partition and w.verdict = 11
        and w.revive_at <= now() + $3::bigint * interval '1 microsecond'
        -- Those that a group gave up on while it held their keys were handed out.
        and ($5::boolean or w.ticket > 0)
    order by w.revive_at, w.position
    limit $4
) w
order by w.revive_at, w.position
limit $4
