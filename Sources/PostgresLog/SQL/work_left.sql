-- What is left to do in partitions. $1 consumer, $2 partitions. One row each, by position:
-- partition, position, state, attempt, lost, ticket, fence, microseconds until it is due (null:
-- at once), revived.
select w.partition, w.position, w.state, w.attempt, w.lost, w.ticket, w.fence,
    (extract(epoch from w.due_at - clock_timestamp()) * 1000000)::bigint, w.revived
from apus.work w
where w.consumer_id = $1 and w.partition = any ($2::smallint[])
order by w.position
