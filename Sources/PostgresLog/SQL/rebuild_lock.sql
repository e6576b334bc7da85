-- Keeps everybody from recording work of a handler. $1 handler. One row: its consumer; none when
-- there is none.
with handler as materialized (
    select h.consumer_id from apus.handlers h where h.name = $1 for update
), partitions as materialized (
    -- In the order in which batches lock them.
    select p.partition
    from handler h
    join apus.consumer_partitions p on p.consumer_id = h.consumer_id
    order by p.partition
    for no key update of p
)
select h.consumer_id from handler h cross join (select count(*) from partitions) p
