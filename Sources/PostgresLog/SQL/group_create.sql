-- Makes a group and its 64 partitions. $1 tenant, $2 name, $3 types, $4 tenants (null: all),
-- $5 subject prefix, $6 sources, $7 kinds, $8 kind of start, $9 start position, $10 start time,
-- $11 ordering, $12 most attempts, $13 microseconds of the ack deadline, $14 cursor, $15 how many a
-- tenant may have. One row: whether it was made; whether the tenant has room for one of this name.
with room as (
    select exists (select from apus.groups g where g.tenant = $1 and g.name = $2)
        or $15::bigint > (
            select count(*)
            from (select from apus.groups g where g.tenant = $1 limit $15::bigint) g) as is_left
), consumer as (
    insert into apus.consumers (name)
    select 'group/' || $1 || '/' || $2
    from room r
    where r.is_left
    on conflict (name) do update set name = excluded.name
    returning id
), made as (
    insert into apus.groups (
        consumer_id, tenant, name, types, tenants, subject_prefix, sources, kinds, start_kind,
        start_position, start_at, ordering, max_attempts, ack_deadline_us, version)
    -- A node may still know a group of this name that was deleted: this is another version.
    select c.id, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
        (extract(epoch from clock_timestamp()) * 1000000)::bigint
    from consumer c
    on conflict do nothing
    returning consumer_id
), parted as (
    -- Fences go on rising when a group of this name comes again.
    insert into apus.consumer_partitions (consumer_id, partition, position, fence)
    select m.consumer_id, p, $14, (extract(epoch from clock_timestamp()) * 1000000)::bigint
    from made m, generate_series(0, 63) as p
)
select exists (select from made), r.is_left
from room r
