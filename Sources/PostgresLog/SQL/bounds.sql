-- The bounds of the log in one snapshot. No parameters. Result: head, earliest position, epoch
-- ids and the positions after which they opened, oldest first.
select h.head, coalesce((select min(p.first_position) from apus.event_partitions p), h.head + 1),
    array(select e.id from apus.log_epochs e order by e.ordinal),
    array(select e.opened_after from apus.log_epochs e order by e.ordinal)
from (select max(a.last_position) as head from apus.appends a) h
