-- Appends with the events that they say they stored. $1: last position after which to begin; $2:
-- most appends. Result: first and last position, earliest position of the log, events stored there,
-- the first of them whose time is not the append's.
select a.first_position, a.last_position,
    (select min(p.first_position) from apus.event_partitions p), e.events, e.other
from (
    select * from apus.appends a
    where a.last_position > $1 and a.last_position <= apus.planned_through()
    order by a.last_position
    limit $2
) a
cross join lateral (
    select count(*) as events,
        min(e.position) filter (where e.recorded_at <> a.recorded_at) as other
    from apus.events e
    where e.position between a.first_position and a.last_position
) e
order by a.last_position
