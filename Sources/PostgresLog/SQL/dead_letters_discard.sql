-- Closes dead letters. $1 tenant, $2 consumer (null: any), $3 ids (null: any), $4 expressions for
-- types, $5 tenants of events, $6 subject prefix, $7 sources, $8 kinds (each null: all), $9 why,
-- $10 the node. A row for each.
--
-- What a group still does with one is ended by whoever holds the partition.
with chosen as (
    select d.number, d.consumer_id, d.partition, d.position
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
), closed as (
    update apus.dead_letters d
    set resolved_at = clock_timestamp(), resolution = 2
    from chosen c
    where d.id = c.number and d.resolved_at is null
    returning d.consumer_id, d.position, c.partition
), finished as (
    delete from apus.unfinished u
    using closed c
    where u.consumer_id = c.consumer_id and u.position = c.position
), ended as (
    update apus.work w
    set verdict = 12, verdict_reason = $9, verdict_delay_us = 0
    from closed c
    where w.consumer_id = c.consumer_id and w.partition = c.partition and w.position = c.position
)
insert into apus.ledger
    (position, consumer_id, attempt, outcome, started_at, duration_us, error_message, node)
select c.position, c.consumer_id, coalesce((
        select max(l.attempt) from apus.ledger l
        where l.position = c.position and l.consumer_id = c.consumer_id), 1),
    8, clock_timestamp(), 0, $9, $10
from closed c
returning position
