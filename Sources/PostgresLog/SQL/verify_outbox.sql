-- What is wrong with the outbox. No parameters. Result: position, what is wrong; at most 1,000.
select i.position, format('number %s of the outbox is stored there, and still in the outbox', o.number)
from apus.outbox o
join apus.tenants t on t.name = o.tenant
join apus.identities i on i.id = o.id and i.tenant_id = t.id
where not o.id_chosen
union all
select null, format('number %s is in the outbox and in its rejects', o.number)
from apus.outbox o
join apus.outbox_rejects r on r.transaction_id = o.transaction_id and r.number = o.number
limit 1000
