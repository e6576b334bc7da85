-- Closes a page of dead letters. $1 tenant, $2 consumer (null: any), $3 ids (null: any),
-- $4 patterns of types, $5 tenants of events, $6 subject prefix, $7 sources, $8 kinds (each
-- null: all), $9 why, $10 position and $11 consumer of the last one already seen, $12 how many to
-- look at, $13 the node. One row, or none when there is nothing to look at: how many were closed,
-- position and consumer of the last one looked at.
--
-- What a group still does with one is ended by whoever holds the partition.
with candidates as materialized (
    -- Whose they are, and how they are found: as in dead_letters_list.sql. Where the last one seen
    -- stands, there may be others of later consumers.
    select l.*
    from (
        select l.*
        from apus.handlers c
        join apus.consumers h on h.id = c.consumer_id and ($2::text is null or h.name = $2)
        join apus.tenants t on t.name = $1
        cross join lateral (
            select d.id, d.consumer_id, d.position
            from apus.dead_letters d
            where d.resolved_at is null
                and (d.tenant_id, d.consumer_id, d.position) > (t.id, c.consumer_id,
                    $10::bigint - (c.consumer_id > $11::integer)::integer)
                and (d.tenant_id, d.consumer_id, d.position)
                    < (t.id, c.consumer_id, 9223372036854775807)
            order by d.tenant_id, d.consumer_id, d.position
            limit $12
        ) l
        union all
        select l.*
        from apus.groups c
        join apus.consumers h on h.id = c.consumer_id and ($2::text is null or h.name = $2)
        cross join lateral (
            select d.id, d.consumer_id, d.position
            from apus.dead_letters d
            where d.resolved_at is null
                and (d.consumer_id, d.position) > (c.consumer_id,
                    $10::bigint - (c.consumer_id > $11::integer)::integer)
                and (d.consumer_id, d.position) < (c.consumer_id, 9223372036854775807)
            order by d.consumer_id, d.position
            limit $12
        ) l
        where c.tenant = $1
    ) l
    order by l.position, l.consumer_id
    limit $12
), chosen as materialized (
    select d.id, e.partition
    from candidates d
    -- Each is looked up: what candidates are known to be is less than there are.
    cross join lateral (
        select k.partition, k.id, k.type_id, k.tenant_id, k.subject, k.source, k.kind
        from apus.kept_events k
        where k.position = d.position
        offset 0
    ) e
    where ($3::uuid[] is null or e.id = any ($3))
        and ($4::text[] is null or e.type_id = any (
            array(select m.id from apus.matching_types($4) m (id))))
        and ($5::text[] is null or e.tenant_id = any (
            array(select t.id from apus.tenants t where t.name = any ($5))))
        and ($6::text is null or starts_with(e.subject, $6))
        and ($7::text[] is null or e.source = any ($7))
        and ($8::smallint[] is null or e.kind = any ($8))
), resolved as (
    -- No plan reads the table for each page.
    update apus.dead_letters d
    set resolved_at = clock_timestamp(), resolution = 2
    where d.id = any (array(select c.id from chosen c)) and d.resolved_at is null
    returning d.id, d.consumer_id, d.position
), closed as (
    select d.consumer_id, d.position, c.partition
    from resolved d
    join chosen c on c.id = d.id
), finished as (
    delete from apus.unfinished u
    using closed c
    where u.consumer_id = c.consumer_id and u.position = c.position
), ended as (
    update apus.work w
    set verdict = 12, verdict_reason = $9, verdict_delay_us = 0
    from closed c
    where w.consumer_id = c.consumer_id and w.partition = c.partition and w.position = c.position
), told as (
    insert into apus.ledger
        (position, consumer_id, attempt, outcome, started_at, duration_us, error_message, node)
    select c.position, c.consumer_id, coalesce((
            select max(l.attempt) from apus.ledger l
            where l.position = c.position and l.consumer_id = c.consumer_id), 1),
        8, clock_timestamp(), 0, $9, $13
    from closed c
)
select (select count(*) from closed), l.position, l.consumer_id
from (
    select c.position, c.consumer_id
    from candidates c
    order by c.position desc, c.consumer_id desc
    limit 1
) l
