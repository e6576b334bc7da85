-- Partitions on their way out, oldest first: of the log, and the payloads that belong to them. No
-- parameters. Result: name, last position, whether it is attached, whether its detaching began, whether
-- a transaction other than this still uses it, the statements that begin and that end the detaching,
-- whether it is of the log itself.
select x.name, x.last_position, i.inhrelid is not null, coalesce(i.inhdetachpending, false),
    exists (
        select from pg_locks l
        where l.locktype = 'relation' and l.relation = c.oid and l.pid <> pg_backend_pid()
            and l.database = (select d.oid from pg_database d where d.datname = current_database())),
    format('alter table apus.%I detach partition apus.%I concurrently', x.parent, x.name),
    format('alter table apus.%I detach partition apus.%I finalize', x.parent, x.name),
    x.parent = 'events'
from (
    select e.name, e.first_position, e.last_position, 'events' as parent
    from apus.expired_partitions e
    union all
    select p.name, p.first_position, p.last_position, 'event_payloads'
    from apus.payload_partitions p
    where not exists (
        select from apus.event_partitions e where e.first_position <= p.last_position)
) x
left join pg_class c on c.oid = to_regclass(format('apus.%I', x.name))
left join pg_inherits i
    on i.inhrelid = c.oid and i.inhparent = to_regclass(format('apus.%I', x.parent))
order by x.first_position, x.parent <> 'events'
