-- What is left to do in partitions, but for dead letters that are to be tried again of which nobody
-- has heard: see revivals.sql. $1 consumer, $2 partitions. One row each, by position: partition,
-- position, state, attempt, lost, ticket, fence, microseconds until it is due (null: at once),
-- revived, which try of a dead letter it belongs to (zero: none).
select w.partition, w.position, w.state, w.attempt, w.lost, w.ticket, w.fence,
    (extract(epoch from w.due_at - clock_timestamp()) * 1000000)::bigint, w.revived,
    case when isfinite(w.revive_at)
        then (extract(epoch from w.revive_at) * 1000000)::bigint else 0 end
from apus.work w
where w.consumer_id = $1 and w.partition = any ($2::smallint[])
    and (w.verdict is distinct from 11 or w.ticket > 0)
order by w.position
