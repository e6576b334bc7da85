-- Has dead letters tried again. $1 tenant, $2 consumer (null: any), $3 ids (null: any),
-- $4 expressions for types, $5 tenants of events, $6 subject prefix, $7 sources, $8 kinds (each
-- null: all), $9 microseconds from each to the next. A row for each.
--
-- Whoever holds the partition finds the remark; where nobody does, the next holder will.
with chosen as (
    select d.consumer_id, d.partition, d.position,
        (row_number() over (order by d.number) - 1) * $9::bigint as delay_us
    from apus.open_dead_letters d
    where d.owner = $1 and ($2::text is null or d.consumer = $2)
        and ($3::uuid[] is null or d.event_id = any ($3))
        and ($4::text[] is null or d.type_id = any (
            array(select t.id from apus.types t where t.name ~ any ($4))))
        and ($5::text[] is null or d.tenant_id = any (
            array(select t.id from apus.tenants t where t.name = any ($5))))
        and ($6::text is null or starts_with(d.subject, $6))
        and ($7::text[] is null or d.source = any ($7))
        and ($8::smallint[] is null or d.kind = any ($8))
)
insert into apus.work as w (consumer_id, partition, position, state, attempt, lost, ticket, fence,
    verdict, verdict_reason, verdict_delay_us)
select c.consumer_id, c.partition, c.position, 3, 0, 0, 0, 0, 11, '', c.delay_us
from chosen c
order by c.consumer_id, c.partition, c.position
on conflict (consumer_id, partition, position) do update
    set verdict = 11, verdict_reason = '', verdict_delay_us = excluded.verdict_delay_us
    where w.state = 3 and w.verdict is distinct from 11
returning w.position
