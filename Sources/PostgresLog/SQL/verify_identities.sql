-- Identities with the events at their positions. $1, $2: id and tenant's number after which to
-- begin; $3: most identities. Result: id, tenant's number, position, whether another event is
-- stored there, that event's id.
select i.id, i.tenant_id, i.position,
    coalesce((e.id, e.tenant_id) <> (i.id, i.tenant_id), false), e.id
from (
    select * from apus.identities i
    where (i.id, i.tenant_id) > ($1, $2)
    order by i.id, i.tenant_id
    limit $3
) i
left join apus.events e on e.position = i.position
order by i.id, i.tenant_id
