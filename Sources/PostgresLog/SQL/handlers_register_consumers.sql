-- Makes consumers known. $1 names. No result.
insert into apus.consumers (name)
select c.name from unnest($1::text[]) as c (name)
on conflict do nothing
