-- Says that a node lives, and how many members it has. $1 node, $2 milliseconds until it is taken
-- for dead, $3 consumers, $4 members of each and $5 whether one of its circuits is open: all it has.
-- No result.
with alive as (
    insert into apus.consumer_nodes (node, expires_at)
    values ($1, clock_timestamp() + $2::bigint * interval '1 millisecond')
    on conflict (node) do update set expires_at = excluded.expires_at
), gone as (
    delete from apus.consumer_members m
    where m.node = $1 and not m.consumer_id = any ($3::integer[])
), forgotten as (
    delete from apus.consumer_nodes n
    where n.expires_at < clock_timestamp() - interval '1 day' and n.node <> $1
)
insert into apus.consumer_members as m (consumer_id, node, members, broken)
select c.consumer, $1, c.members, c.broken
from unnest($3::integer[], $4::integer[], $5::boolean[]) as c (consumer, members, broken)
on conflict (consumer_id, node) do update
set members = excluded.members, broken = excluded.broken
where (m.members, m.broken) <> (excluded.members, excluded.broken)
