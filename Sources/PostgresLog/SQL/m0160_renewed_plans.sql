-- Migration 160: statements see for themselves what they do not see. No parameters, no result.
--
-- Postgres 15 may keep a list of partitions that lacks one: a session reads the children of the
-- table, another commits a new one, the first one takes note of that and forgets its list, then
-- keeps the one that it was making. Nothing tells it afterwards, and its statements pass the events
-- of the new partition until the next one comes.

-- Makes every session read the list of partitions again and every older plan void.
create function apus.renew_plans() returns void
language plpgsql as $$
begin
    perform pg_advisory_xact_lock(5053001, 1);
    alter table only apus.events alter column position set statistics -1;
end
$$;

-- Bounds of the log for a statement that reads between two positions, the first exclusive. Positions
-- are dense and partitions come in their order: whoever sees the last event there that is stored
-- sees all of them. Result: what is stored; how much of it the statement may speak of, less when its
-- plan lacks a partition; earliest position; epoch. It has to become part of the statement that
-- asks, not a scan of its own, to have the same list of partitions.
create function apus.visible_bounds(after bigint, through bigint)
returns table (stored bigint, head bigint, earliest bigint, epoch bigint)
language sql stable as $$
    select b.stored,
        case
            when b.reach <= after or b.reach < b.earliest or b.reach = b.seen then b.stored
            else coalesce(b.seen, least(after, b.stored))
        end,
        b.earliest, b.epoch
    from (
        select a.stored, least(through, a.stored) as reach,
            (select max(e.position) from apus.events e
                where e.position > after and e.position <= through) as seen,
            coalesce((select min(p.first_position) from apus.event_partitions p),
                a.stored + 1) as earliest,
            (select l.id from apus.log_epochs l order by l.ordinal desc limit 1) as epoch
        from (select max(a.last_position) as stored from apus.appends a) a
        -- Or it is looked for wherever it is named.
        offset 0
    ) b
$$;
