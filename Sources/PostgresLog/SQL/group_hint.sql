-- Tells every node to look at its groups. No parameters, no result.
select pg_notify('apus_groups', '')
