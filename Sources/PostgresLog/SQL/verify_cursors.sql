-- What is wrong with the consumers' progress. No parameters. Result: position, what is wrong; at
-- most 1,000.
with log as (select max(a.last_position) as head from apus.appends a)
select h.position, format('the cursor of handler %s is outside the log, which ends at %s', h.name,
    log.head)
from apus.handlers h, log
where h.position not between 0 and log.head
union all
select u.position, format('handler %s has it open above its cursor, %s', h.name, h.position)
from apus.unfinished u
join apus.handlers h on h.consumer_id = u.consumer_id
where u.position not between 1 and h.position
union all
select u.position, format('it is open for consumer %s, which is no handler', u.consumer_id)
from apus.unfinished u
where not exists (select from apus.handlers h where h.consumer_id = u.consumer_id)
union all
select c.position, format('the cursor of %s in partition %s is outside the log, which ends at %s',
    k.name, c.partition, log.head)
from apus.consumer_partitions c
join apus.consumers k on k.id = c.consumer_id
cross join log
where c.position not between 0 and log.head
union all
select w.position, format('%s works on it above its cursor in partition %s, %s', k.name,
    w.partition, c.position)
from apus.work w
join apus.consumers k on k.id = w.consumer_id
left join apus.consumer_partitions c
    on c.consumer_id = w.consumer_id and c.partition = w.partition
where w.position not between 1 and coalesce(c.position, 0)
union all
select l.position, format('a lane of %s is above its cursor in partition %s, %s', k.name,
    l.partition, c.position)
from apus.consumer_lanes l
join apus.consumers k on k.id = l.consumer_id
left join apus.consumer_partitions c
    on c.consumer_id = l.consumer_id and c.partition = l.partition
where l.position not between 0 and coalesce(c.position, 0)
limit 1000
