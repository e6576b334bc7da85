-- Migration 248: the audit trail looks no further than its page. No parameters, no result.

-- As before, but that a page ends at a position: while there are no statistics, a planner thinks that
-- a range which ends with the log is faster sorted as a whole than read along the index. And what can
-- be told of a whole page is not put together event by event.
--
-- Adds up to `most` events to the trail. Result: none when the fence is an older one; else the
-- trail's end, the log's, and whether the event that comes next is missing although it should be
-- there: then nothing was added behind the gap. What retention has dropped is noted as dropped.
create or replace function apus.extend_audit(wanted bigint, most integer)
returns table ("position" bigint, rows bigint, hash bytea, head bigint, is_missing boolean,
    dropped_since bigint)
language plpgsql as $$
#variable_conflict use_column
declare
    trail apus.audit_head;
    event record;
    log_head bigint;
    earliest bigint;
    since bigint;
    before bigint;
    through bigint;
    checksums bigint[] := '{}';
    hashes bytea[] := '{}';
begin
    select max(a.last_position) into log_head from apus.appends a;
    select coalesce(min(p.first_position), log_head + 1) into earliest
    from apus.event_partitions p;
    -- Nothing is written, not even a lock, when there is nothing to do.
    select * into trail from apus.audit_head h;
    if trail.fence = wanted and trail.position >= log_head and trail.position >= earliest - 1 then
        return query select trail.position, trail.rows, trail.hash, log_head, false, null::bigint;
        return;
    end if;
    -- Lost with a crash of Postgres, the same rows are made once more.
    perform set_config('synchronous_commit', 'off', true);
    select * into trail from apus.audit_head h for no key update;
    if trail.fence is distinct from wanted then
        return;
    end if;
    if earliest > trail.position + 1 then
        since := trail.position + 1;
        trail.hash := apus.audit_link(trail.hash, 3::smallint, earliest - 1, since);
        trail.position := earliest - 1;
        trail.rows := trail.rows + 1;
        insert into apus.audit_trail (position, kind, since, hash)
        values (trail.position, 3, since, trail.hash);
    end if;
    before := trail.position;
    through := least(log_head, before + most);
    -- Planned each time: a plan that was kept may not know of the newest partition.
    for event in execute
        'select e.position, e.checksum,
            int2send(case when e.checksum is null then 2::smallint else 1::smallint end)
                || int8send(e.position) || int8send(coalesce(e.checksum, 0)) as link
        from apus.events e
        where e.position > $1 and e.position <= $2 order by e.position'
        using before, through
    loop
        exit when event.position <> trail.position + 1;
        trail.position := event.position;
        trail.hash := sha256(trail.hash || event.link);
        checksums := checksums || event.checksum;
        hashes := hashes || trail.hash;
    end loop;
    if trail.position > before then
        insert into apus.audit_trail (position, kind, checksum, hash)
        select before + n, case when checksum is null then 2 else 1 end, checksum, hash
        from unnest(checksums, hashes) with ordinality as link (checksum, hash, n);
        trail.rows := trail.rows + trail.position - before;
    end if;
    if trail.position > before or since is not null then
        update apus.audit_head h
        set position = trail.position, hash = trail.hash, rows = trail.rows;
    end if;
    return query
        select trail.position, trail.rows, trail.hash, log_head, trail.position < through, since;
end
$$;
