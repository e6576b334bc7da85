-- Migration 121: logs that were dumped and restored. No parameters, no result.

-- A dump keeps neither: the database, and the table, in which an epoch was opened. Null in rows of
-- older releases.
alter table apus.log_epochs add column database_oid oid, add column table_oid oid;

-- Opens a new epoch when this is another history than before: a failover, a restore of any kind,
-- also of a dump into the same server. Called by every node that is about to append, before it does.
create or replace function apus.open_epoch() returns void
language plpgsql as $$
declare
    here_system bigint;
    here_timeline text := left(pg_walfile_name(pg_current_wal_lsn()), 8);
    here_database oid;
    here_table oid := 'apus.log_head'::regclass;
    newest apus.log_epochs;
begin
    select c.system_identifier into here_system from pg_control_system() c;
    select d.oid into here_database from pg_database d where d.datname = current_database();
    perform from apus.log_head h for no key update;
    select * into newest from apus.log_epochs e order by e.ordinal desc limit 1;
    if newest.system_identifier = here_system and newest.timeline = here_timeline then
        if newest.database_oid is null or newest.table_oid is null then
            update apus.log_epochs e
            set database_oid = here_database, table_oid = here_table
            where e.ordinal = newest.ordinal;
            return;
        elsif newest.database_oid = here_database and newest.table_oid = here_table then
            return;
        end if;
    end if;
    insert into apus.log_epochs
        (id, opened_after, system_identifier, timeline, database_oid, table_oid)
    select hashtextextended(gen_random_uuid()::text, 0), max(a.last_position), here_system,
        here_timeline, here_database, here_table
    from apus.appends a;
end
$$;
