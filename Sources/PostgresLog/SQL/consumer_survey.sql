-- Where consumers' partitions and members are. $1 consumers. For each: its number, the version of
-- its group or handler (null: deleted), 64 holders that are alive (empty: none), nodes with members, how many
-- each has, whether there are remarks, 64 fences, 64 serials.
--
-- Who was alive when it began is so for all of them, however many they are.
select c.id, coalesce(g.version, h.version),
    array(
        select case when n.node is null then '' else p.holder end
        from apus.consumer_partitions p
        left join apus.consumer_nodes n
            on n.node = p.holder and n.expires_at > now()
        where p.consumer_id = c.id
        order by p.partition),
    array(
        select m.node
        from apus.consumer_members m
        join apus.consumer_nodes n on n.node = m.node and n.expires_at > now()
        where m.consumer_id = c.id
        order by m.node),
    array(
        select m.members
        from apus.consumer_members m
        join apus.consumer_nodes n on n.node = m.node and n.expires_at > now()
        where m.consumer_id = c.id
        order by m.node),
    exists (select from apus.work w where w.consumer_id = c.id and w.verdict is not null),
    array(
        select p.fence from apus.consumer_partitions p
        where p.consumer_id = c.id
        order by p.partition),
    array(
        select p.serial from apus.consumer_partitions p
        where p.consumer_id = c.id
        order by p.partition)
from unnest($1::integer[]) as c (id)
left join apus.groups g on g.consumer_id = c.id
left join apus.handlers h on h.consumer_id = c.id
