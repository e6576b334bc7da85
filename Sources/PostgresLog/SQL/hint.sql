-- Tells every node that the log grew. No parameters, no result.
select pg_notify('apus_log', '')
