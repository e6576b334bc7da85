-- What other nodes said of work, but for dead letters that are to be tried again. $1 consumer,
-- $2 partitions. As work_left.sql, then the verdict, its reason and its delay in microseconds.
select w.partition, w.position, w.state, w.attempt, w.lost, w.ticket, w.fence,
    (extract(epoch from w.due_at - clock_timestamp()) * 1000000)::bigint, w.revived,
    case when isfinite(w.revive_at)
        then (extract(epoch from w.revive_at) * 1000000)::bigint else 0 end,
    w.verdict, coalesce(w.verdict_reason, ''), coalesce(w.verdict_delay_us, 0)
from apus.work w
where w.consumer_id = $1 and w.partition = any ($2::smallint[]) and w.verdict <> 11
order by w.position
limit 5000
