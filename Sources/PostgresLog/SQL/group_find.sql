-- A group. $1 tenant, $2 name. One row: consumer, version, then as group_list.sql.
select g.consumer_id, g.version, g.name, g.types, g.tenants is null,
    coalesce(g.tenants, '{}'), g.subject_prefix, g.sources, g.kinds, g.start_kind,
    coalesce(g.start_position, 0), g.start_at, g.ordering, g.max_attempts, g.ack_deadline_us
from apus.groups g
where g.tenant = $1 and g.name = $2
