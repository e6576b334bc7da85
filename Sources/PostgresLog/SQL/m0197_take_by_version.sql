-- Migration 197: who takes a partition knows what its consumer wants. No parameters, no result.

-- As apus.take_partitions(integer, text, smallint[]), but takes none when the consumer's version is
-- not the one that the node knows. Who changes a consumer locks its partitions first.
create function apus.take_partitions(
    consumer integer, node text, wanted smallint[], known bigint
)
returns table ("partition" smallint, fence bigint, serial bigint, "position" bigint)
language plpgsql as $$
#variable_conflict use_column
begin
    perform from apus.consumer_partitions p
    where p.consumer_id = consumer and p.partition = any (wanted)
    order by p.partition
    for no key update;
    if known = (
        select coalesce(
            (select g.version from apus.groups g where g.consumer_id = consumer),
            (select h.version from apus.handlers h where h.consumer_id = consumer))
    ) then
        return query
            select t.partition, t.fence, t.serial, t.position
            from apus.take_partitions(consumer, node, wanted) t;
    end if;
end
$$;
