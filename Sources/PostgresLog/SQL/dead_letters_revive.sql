-- Has a page of dead letters tried again. $1 tenant, $2 consumer (null: any), $3 ids (null: any),
-- $4 patterns of types, $5 tenants of events, $6 subject prefix, $7 sources, $8 kinds (each
-- null: all), $9 microseconds from each to the next, $10 position and $11 consumer of the last one
-- already seen, $12 how many to look at, $13 when the first of all is due (null: now, else
-- microseconds since 1970), $14 how many of those already seen were chosen. One row, or none when
-- there is nothing to look at: how many are tried again, how many were chosen, position and
-- consumer of the last one looked at, when the first of all is due.
--
-- Whoever holds the partition finds the remark; where nobody does, the next holder will.
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
            select d.consumer_id, d.position
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
            select d.consumer_id, d.position
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
), start as materialized (
    select coalesce($13::bigint, (extract(epoch from now()) * 1000000)::bigint) as due_us
), chosen as materialized (
    select d.consumer_id, e.partition, d.position,
        timestamptz 'epoch' + (s.due_us + ($14::bigint + row_number() over (
            order by d.position, d.consumer_id) - 1) * $9::bigint) * interval '1 microsecond'
            as due_at
    from candidates d
    cross join start s
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
), revived as (
    -- A delay is what nodes of earlier releases go by.
    insert into apus.work as w (consumer_id, partition, position, state, attempt, lost, ticket,
        fence, verdict, verdict_reason, verdict_delay_us, revive_at)
    select c.consumer_id, c.partition, c.position, 3, 0, 0, 0, 0, 11, '',
        greatest(0, (extract(epoch from c.due_at - now()) * 1000000)::bigint), c.due_at
    from chosen c
    order by c.consumer_id, c.partition, c.position
    on conflict (consumer_id, partition, position) do update
        set verdict = 11, verdict_reason = '', verdict_delay_us = excluded.verdict_delay_us,
            revive_at = excluded.revive_at
        where w.state = 3 and w.verdict is distinct from 11
    returning w.position
)
select (select count(*) from revived), (select count(*) from chosen), l.position, l.consumer_id,
    s.due_us
from (
    select c.position, c.consumer_id
    from candidates c
    order by c.position desc, c.consumer_id desc
    limit 1
) l
cross join start s
