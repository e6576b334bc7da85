-- Whether another node listens to the log's hints. $1: how their sessions name themselves. One row.
select exists (
    select from pg_stat_activity a
    where a.application_name = $1 and a.datname = current_database()
        and a.pid <> pg_backend_pid())
