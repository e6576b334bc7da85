-- Migration 115: the outbox, and what could not leave it. No parameters, no result.

-- Events that were published within their callers' own transactions, until they are in the log.
-- Rows are inserted and deleted, never updated. No foreign key, no unique key that callers fill:
-- no session ever waits for another.
create table apus.outbox (
    -- The transaction that published it; with its snapshots a reader knows what it has not seen.
    transaction_id bigint not null default pg_current_xact_id()::text::bigint,
    -- Counts the calls, in the order of each session.
    number bigint not null generated always as identity,
    published_at timestamptz not null,
    published_by text not null,
    -- What counts against the limits.
    bytes integer not null,
    id uuid not null,
    -- Whether the caller named the id: only then may it be known already.
    id_chosen boolean not null,
    tenant text collate "C" not null,
    type text collate "C" not null,
    -- Null: the newest.
    version integer,
    -- One of the two: JSON, or protobuf's bytes.
    data jsonb,
    payload bytea,
    subject text collate "C" not null,
    partition_key text collate "C" not null,
    source text collate "C" not null,
    -- Null: published_at.
    occurred_at timestamptz,
    correlation_id text collate "C",
    causation_id text collate "C",
    user_id text collate "C",
    session_id text collate "C",
    request_id text collate "C",
    channel text collate "C",
    user_agent text collate "C",
    ip_address text collate "C",
    traceparent text collate "C",
    tracestate text collate "C",
    extra jsonb,
    primary key (transaction_id, number),
    check ((data is null) <> (payload is null))
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- Events that the log did not take, as they were published. They wait for an operator: see
-- apus.retry_rejects().
create table apus.outbox_rejects (
    like apus.outbox including storage,
    rejected_at timestamptz not null default clock_timestamp(),
    -- INVALID: fails its schema or a limit. ID_TAKEN: the id is known, with other content.
    -- REFUSED: Postgres itself refused it.
    reason text not null check (reason in ('INVALID', 'ID_TAKEN', 'REFUSED')),
    detail text not null,
    primary key (number)
);

-- What apus.publish() holds callers to; kept by the node that drains, from its flags.
create table apus.outbox_limits (
    one boolean primary key default true check (one),
    max_event_bytes integer not null
);
insert into apus.outbox_limits (max_event_bytes) values (1048576);

-- Takes a batch out of the outbox; to be called in the transaction that appends it, after the
-- append. All arrays but the last two have one element a row.
--
-- `lease`, `holder`, `fence`: the right to drain. `ordinals`: which event of the append a row is;
-- null where the row was refused before, `reasons` and `details` then say why. `fingerprints`: of
-- the row. `firsts`: of the first row of the batch with the same tenant and id. `known`,
-- `known_fingerprints`: ordinals of events that the log had before, and their fingerprints there.
--
-- Rows that were refused, or that bear a known id with other content, go to apus.outbox_rejects.
-- Result: true.
--
-- Fails with AP001 when the lease was lost, with AP002 when a row was gone already; then nothing
-- has happened, and nothing was appended.
create function apus.leave_outbox(
    lease text, holder text, fence bigint, transactions bigint[], numbers bigint[],
    ordinals integer[], fingerprints uuid[], firsts uuid[], reasons text[], details text[],
    known integer[], known_fingerprints uuid[]
) returns boolean
language plpgsql
-- Whatever the statistics of a table that fills and empties say.
set enable_seqscan = off set enable_bitmapscan = off
set enable_hashjoin = off set enable_mergejoin = off
as $$
#variable_conflict use_variable
declare
    taken integer[] := '{}';
    gone bigint;
begin
    -- Held until the commit: who takes the lease over waits for it, and sees its outcome.
    perform from apus.leases l
    where l.name = lease and l.holder = leave_outbox.holder and l.fence = leave_outbox.fence
    for share;
    if not found then
        raise exception 'the lease of the outbox was lost' using errcode = 'AP001';
    end if;
    if cardinality(known) > 0 or firsts <> fingerprints then
        taken := array(
            select b.place::integer
            from unnest(ordinals, fingerprints, firsts) with ordinality
                as b (ordinal, fingerprint, first, place)
            where b.ordinal is not null
                and b.fingerprint <> coalesce(
                    known_fingerprints[array_position(known, b.ordinal)], b.first)
            order by b.place);
    end if;
    if cardinality(taken) > 0 or exists (select from unnest(reasons) r where r is not null) then
        insert into apus.outbox_rejects (
            transaction_id, number, published_at, published_by, bytes, id, id_chosen, tenant, type,
            version, data, payload, subject, partition_key, source, occurred_at, correlation_id,
            causation_id, user_id, session_id, request_id, channel, user_agent, ip_address,
            traceparent, tracestate, extra, reason, detail)
        select o.transaction_id, o.number, o.published_at, o.published_by, o.bytes, o.id,
            o.id_chosen, o.tenant, o.type, o.version, o.data, o.payload, o.subject,
            o.partition_key, o.source, o.occurred_at, o.correlation_id, o.causation_id, o.user_id,
            o.session_id, o.request_id, o.channel, o.user_agent, o.ip_address, o.traceparent,
            o.tracestate, o.extra, coalesce(b.reason, 'ID_TAKEN'),
            coalesce(b.detail, 'id: is known, with other content')
        from unnest(transactions, numbers, reasons, details) with ordinality
            as b (transaction_id, number, reason, detail, place)
        join apus.outbox o on o.transaction_id = b.transaction_id and o.number = b.number
        where b.reason is not null or b.place = any (taken);
    end if;
    delete from apus.outbox o
    using unnest(transactions, numbers) as b (transaction_id, number)
    where o.transaction_id = b.transaction_id and o.number = b.number;
    get diagnostics gone = row_count;
    if gone <> cardinality(numbers) then
        raise exception 'a row of the outbox was gone already' using errcode = 'AP002';
    end if;
    return true;
end
$$;
revoke execute on function apus.leave_outbox from public;
