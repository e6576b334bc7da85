-- Migration 187: the audit trail. No parameters, no result.

-- One row for each event of the log, in order of position, none ever changed. `hash` is the SHA-256
-- of what apus.audit_link() puts together: the hash of the row before, what the row is of, its
-- position and the event's checksum. So nobody can change, leave out, move or insert an event or a
-- row and leave all later hashes as they are, which are published as events too.
create table apus.audit_trail (
    position bigint primary key,
    -- 1: an event with its checksum; 2: an event of a release that kept none; 3: the end of a
    -- stretch that retention had dropped before it was audited, which began at `since`.
    kind smallint not null check (kind between 1 and 3),
    checksum bigint,
    since bigint,
    hash bytea not null check (octet_length(hash) = 32),
    check ((checksum is not null) = (kind = 1)),
    check ((since is not null) = (kind = 3)),
    check (since <= position)
);
alter table apus.audit_trail alter column hash set storage plain;

create function apus.keep_audit_trail() returns trigger
language plpgsql as $$
begin
    raise exception 'the audit trail is only ever added to' using errcode = '42501';
end
$$;
create trigger audit_trail_kept before update or delete or truncate on apus.audit_trail
    for each statement execute function apus.keep_audit_trail();

-- The trail's end. `fence` is that of the lease under which it is extended: whoever has an older
-- one is refused.
create table apus.audit_head (
    one boolean primary key default true check (one),
    position bigint not null,
    hash bytea not null,
    rows bigint not null,
    fence bigint not null,
    -- The trail began, or its end was published last; and where the log has that event.
    published_at timestamptz not null default clock_timestamp(),
    published_position bigint not null default 0
);

-- A row's hash.
create function apus.audit_link(
    previous bytea, kind smallint, "position" bigint, value bigint
) returns bytea
language sql immutable parallel safe as $$
    select sha256(previous || int2send(kind) || int8send(position) || int8send(coalesce(value, 0)))
$$;

-- Makes whoever has an older fencing number be refused, and begins the trail where there is none:
-- at the oldest event. No row when there is a newer one. Result: position, rows, hash, and seconds
-- since its end was published.
create function apus.claim_audit(wanted bigint)
returns table ("position" bigint, rows bigint, hash bytea, published_before double precision)
language sql as $$
    insert into apus.audit_head as h (position, hash, rows, fence)
    select coalesce((select min(p.first_position) from apus.event_partitions p), 1) - 1,
        decode(repeat('00', 32), 'hex'), 0, wanted
    on conflict (one) do update set fence = excluded.fence where h.fence <= excluded.fence
    returning h.position, h.rows, h.hash,
        extract(epoch from clock_timestamp() - h.published_at)::double precision
$$;

-- Adds up to `most` events to the trail. Result: none when the fence is an older one; else the
-- trail's end, the log's, and whether the event that comes next is missing although it should be
-- there: then nothing was added behind the gap. What retention has dropped is noted as dropped.
create function apus.extend_audit(wanted bigint, most integer)
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
    broken boolean := false;
    positions bigint[] := '{}';
    kinds smallint[] := '{}';
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
    -- Planned each time: a plan that was kept may not know of the newest partition.
    for event in execute
        'select e.position, e.checksum from apus.events e
        where e.position > $1 and e.position <= $2 order by e.position limit $3'
        using trail.position, log_head, most
    loop
        if event.position <> trail.position + 1 then
            broken := true;
            exit;
        end if;
        trail.position := event.position;
        kinds := kinds || (case when event.checksum is null then 2 else 1 end)::smallint;
        trail.hash := sha256(trail.hash || int2send(kinds[cardinality(kinds)])
            || int8send(event.position) || int8send(coalesce(event.checksum, 0)));
        positions := positions || event.position;
        checksums := checksums || event.checksum;
        hashes := hashes || trail.hash;
    end loop;
    if cardinality(positions) > 0 then
        insert into apus.audit_trail (position, kind, checksum, hash)
        select p.position, p.kind, p.checksum, p.hash
        from unnest(positions, kinds, checksums, hashes) as p (position, kind, checksum, hash);
        trail.rows := trail.rows + cardinality(positions);
    elsif trail.position < log_head then
        broken := true;
    end if;
    if cardinality(positions) > 0 or since is not null then
        update apus.audit_head h
        set position = trail.position, hash = trail.hash, rows = trail.rows;
    end if;
    return query
        select trail.position, trail.rows, trail.hash, log_head, broken, since;
end
$$;
