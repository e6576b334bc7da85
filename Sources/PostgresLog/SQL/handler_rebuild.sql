-- Has a projection that rebuild_lock.sql has locked begin anew: its cursors and lanes. $1 consumer.
-- One row: where it begins; null, and nothing is done: retention has dropped what it needs.
with bounds as materialized (
    select h.consumer_id, (
            select min(p.counts_after) from apus.handler_patterns p
            where p.consumer_id = h.consumer_id) as start,
        coalesce(
            (select min(e.first_position) - 1 from apus.event_partitions e),
            (select max(a.last_position) from apus.appends a), 0) as dropped,
        coalesce((select max(a.last_position) from apus.appends a), 0) as head
    from apus.handlers h
    where h.consumer_id = $1
), able as materialized (
    select b.consumer_id, b.start, b.head
    from bounds b
    where b.start < b.dropped is not true
), parted as (
    update apus.consumer_partitions p
    set position = a.start, fence = p.fence + 1, holder = null, begun = null
    from able a
    where p.consumer_id = a.consumer_id
), laned as (
    delete from apus.consumer_lanes l using able a where l.consumer_id = a.consumer_id
), begun as (
    update apus.handlers h
    set version = h.version + 1, rebuild_through = a.head
    from able a
    where h.consumer_id = a.consumer_id
)
select (select a.start from able a)
from bounds
