-- $1: numbers of tenants. Result: id and name.
select t.id, t.name from apus.tenants t where t.id = any ($1::integer[])
