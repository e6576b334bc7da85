-- Migration 150: epochs for nodes that outlive a restore. No parameters, no result.

-- As apus.open_epoch(), called by a node that followed the log before. `known_epochs`: what it knew
-- of the log's epochs, oldest first; `known_head`: a position that it knew to be stored. A database
-- that was put back to an earlier moment may be the same history for Postgres, when its files were
-- copied back: only who followed it can tell. An epoch that the node does not know was opened by
-- another one already.
create function apus.open_epoch(known_epochs bigint[], known_head bigint) returns void
language plpgsql as $$
declare
    newest bigint;
    head bigint;
begin
    perform apus.open_epoch();
    perform from apus.log_head h for no key update;
    select e.id into newest from apus.log_epochs e order by e.ordinal desc limit 1;
    select max(a.last_position) into head from apus.appends a;
    if newest = any (known_epochs)
        and (newest <> known_epochs[cardinality(known_epochs)] or head < known_head)
    then
        insert into apus.log_epochs (id, opened_after, system_identifier, timeline)
        select hashtextextended(gen_random_uuid()::text, 0), head, e.system_identifier, e.timeline
        from apus.log_epochs e
        where e.id = newest;
    end if;
end
$$;
