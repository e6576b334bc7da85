-- The epochs of the log, oldest first. No parameters. Result: ordinal, position after which it
-- opened, head of the log.
select e.ordinal, e.opened_after, (select max(a.last_position) from apus.appends a)
from apus.log_epochs e
order by e.ordinal
