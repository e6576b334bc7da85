-- Which migrations were applied. $1: names that this release knows, $2: their texts. Result: name,
-- whether it is known, whether its text is the same.
select m.name, k.name is not null, coalesce(m.checksum = md5(k.text), false)
from apus.migrations m
left join unnest($1::text[], $2::text[]) as k (name, text) on k.name = m.name
order by m.name
