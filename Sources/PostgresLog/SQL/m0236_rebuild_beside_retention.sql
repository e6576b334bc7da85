-- Migration 236: retention drops nothing while a projection begins anew. No parameters, no result.

-- As before, and retention waits until it is known from where the projection needs the log, or has
-- dropped what it needs: it could take away in between what the rebuild had just counted on.
--
-- Begins a projection anew where it counts from: its rows, its work and its dead letters go, and
-- whoever holds a partition is refused from then on. `tables`: of the schema apus.
--
-- Result: 1 done, 2 no such handler, 3 retention has dropped what it needs.
create or replace function apus.rebuild_handler(handler text, tables text[]) returns integer
language plpgsql as $$
declare
    consumer integer;
    start bigint;
    emptied text;
begin
    perform pg_advisory_xact_lock_shared(5053001, 1);
    select h.consumer_id, (
        select min(p.counts_after) from apus.handler_patterns p
        where p.consumer_id = h.consumer_id)
    into consumer, start
    from apus.handlers h where h.name = handler
    for update;
    if consumer is null then
        return 2;
    end if;
    -- Until the commit no batch of work is recorded: in the order in which batches lock them.
    perform from apus.consumer_partitions p
    where p.consumer_id = consumer
    order by p.partition
    for no key update;
    if start < coalesce(
        (select min(e.first_position) - 1 from apus.event_partitions e),
        (select max(a.last_position) from apus.appends a), 0)
    then
        return 3;
    end if;
    foreach emptied in array tables loop
        execute format('delete from apus.%I', emptied);
    end loop;
    update apus.consumer_partitions p
    set position = start, fence = p.fence + 1, holder = null, begun = null
    where p.consumer_id = consumer;
    delete from apus.consumer_lanes l where l.consumer_id = consumer;
    delete from apus.work w where w.consumer_id = consumer;
    update apus.dead_letters d
    set resolved_at = clock_timestamp(), resolution = 2
    where d.consumer_id = consumer and d.resolved_at is null and d.position > start;
    update apus.handlers h
    set version = h.version + 1,
        rebuild_through = coalesce((select max(a.last_position) from apus.appends a), 0)
    where h.consumer_id = consumer;
    return 1;
end
$$;
