-- Partitions on their way out, oldest first. No parameters. Result: name, last position, whether it
-- is attached, whether its detaching began, whether a transaction other than this still uses it,
-- the statements that begin and that end the detaching.
select x.name, x.last_position, i.inhrelid is not null, coalesce(i.inhdetachpending, false),
    exists (
        select from pg_locks l
        where l.locktype = 'relation' and l.relation = c.oid and l.pid <> pg_backend_pid()
            and l.database = (select d.oid from pg_database d where d.datname = current_database())),
    format('alter table apus.events detach partition apus.%I concurrently', x.name),
    format('alter table apus.events detach partition apus.%I finalize', x.name)
from apus.expired_partitions x
left join pg_class c on c.oid = to_regclass(format('apus.%I', x.name))
left join pg_inherits i on i.inhrelid = c.oid and i.inhparent = 'apus.events'::regclass
order by x.first_position
