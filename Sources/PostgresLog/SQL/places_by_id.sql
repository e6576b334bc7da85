-- Where events are. $1: ids, $2: tenant. Result: one row an id, in their order: position (null: never
-- published), the log's epoch, the event's type (null: dropped by retention). Last: whether its plan
-- lacks one of them.
select i.position, h.epoch, e.type_id,
    coalesce(bool_or(e.position is null and i.position >= h.earliest) over (), false)
from unnest($1::uuid[]) with ordinality as w (id, ordinal)
cross join (
    select (select l.id from apus.log_epochs l order by l.ordinal desc limit 1) as epoch,
        (select min(p.first_position) from apus.event_partitions p) as earliest
) h
left join apus.identities i on i.id = w.id
    and i.tenant_id = (select t.id from apus.tenants t where t.name = $2)
left join apus.events e on e.position = i.position
order by w.ordinal
