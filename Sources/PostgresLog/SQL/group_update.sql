-- Changes a group; its partitions are locked by then. $1 tenant, $2 name, $3 types, $4 tenants (null:
-- all), $5 subject prefix, $6 sources, $7 kinds, $8 ordering, $9 most attempts, $10 microseconds of
-- the ack deadline, $11 the version that is changed. One row; none when there is no such version.
with found as (
    select g.consumer_id,
        (g.types, g.tenants, g.subject_prefix, g.sources, g.kinds) is distinct from
            ($3::text[], $4::text[], $5::text, $6::text[], $7::smallint[]) as is_filter_new
    from apus.groups g
    where g.tenant = $1 and g.name = $2 and g.version = $11
), changed as (
    update apus.groups g
    set types = $3, tenants = $4, subject_prefix = $5, sources = $6, kinds = $7, ordering = $8,
        max_attempts = $9, ack_deadline_us = $10, version = g.version + 1
    from found f
    where g.consumer_id = f.consumer_id and g.version = $11
    returning g.consumer_id, f.is_filter_new
), refused as (
    -- Whoever holds a partition reads by the old filter. It is refused from here on, and takes the
    -- partition anew by the new one: no cursor passes what is published after this.
    update apus.consumer_partitions p
    set fence = p.fence + 1, holder = null
    from changed c
    where c.is_filter_new and p.consumer_id = c.consumer_id
)
select consumer_id from changed
