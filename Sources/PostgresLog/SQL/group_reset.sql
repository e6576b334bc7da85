-- Begins a group anew; its partitions are locked by then, and group_forget.sql follows. $1 tenant,
-- $2 name, $3 kind of start, $4 start position, $5 start time, $6 cursor. One row with its consumer;
-- none when there is none.
with found as (
    update apus.groups
    set start_kind = $3, start_position = $4, start_at = $5, version = version + 1
    where tenant = $1 and name = $2
    returning consumer_id
), moved as (
    -- Whoever holds a partition is refused from here on, and takes it anew.
    update apus.consumer_partitions p
    set position = $6, fence = p.fence + 1, holder = null
    from found f
    where p.consumer_id = f.consumer_id
), again as (
    -- Their events come again.
    update apus.dead_letters d
    set resolved_at = clock_timestamp(), resolution = 2
    from found f
    where d.consumer_id = f.consumer_id and d.resolved_at is null and d.position > $6
)
select consumer_id from found
