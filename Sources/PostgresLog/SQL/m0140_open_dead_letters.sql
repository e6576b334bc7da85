-- Migration 140: dead letters of every consumer, as those ask for them whose they are. No
-- parameters, no result.

-- A consumer as clients name it: `group/NAME` of `group/TENANT/NAME`.
create function apus.consumer_title(name text) returns text
language sql immutable strict parallel safe as $$
    select regexp_replace(name, '^group/[^/]*/', 'group/')
$$;

-- A group's dead letters belong to the group's tenant, other consumers' to the event's.
create view apus.open_dead_letters as
select d.id as number, d.consumer_id, c.name as consumer, g.consumer_id is not null as is_group,
    coalesce(g.tenant, t.name) as owner, d.position, d.dead_lettered_at, d.reason, e.partition,
    e.id as event_id, e.type_id, e.tenant_id, e.subject, e.source, e.kind,
    octet_length(e.data) + 512 as bytes
from apus.dead_letters d
join apus.consumers c on c.id = d.consumer_id
join apus.kept_events e on e.position = d.position
join apus.tenants t on t.id = e.tenant_id
left join apus.groups g on g.consumer_id = d.consumer_id
where d.resolved_at is null;
