-- $1: names of tenants. Result: id and name of those that exist.
select t.id, t.name from apus.tenants t where t.name = any ($1::text[])
