-- What is wrong with dead letters. $1: id after which to begin; $2: most dead letters. Result: id of the dead letter, position, what is wrong (null: nothing).
with log as (select max(a.last_position) as head from apus.appends a)
select d.id, d.position, case
    when d.position not between 1 and log.head then
        format('a dead letter of %s is outside the log, which ends at %s', k.name, log.head)
    when d.resolved_at is null and c.position is null then
        format('the open dead letter of %s has no copy of its event', k.name)
    when c.tenant_id <> d.tenant_id then
        format('the dead letter of %s is of tenant %s, the copy of its event of %s', k.name,
            d.tenant_id, c.tenant_id)
    when (c.id, c.tenant_id, c.data) <> (e.id, e.tenant_id, e.data) then
        format('the copy of the event that the dead letter of %s has differs from it', k.name)
    end
from (
    select * from apus.dead_letters d where d.id > $1 order by d.id limit $2
) d
cross join log
join apus.consumers k on k.id = d.consumer_id
left join apus.kept_events c on c.position = d.position
left join apus.events e on e.position = d.position
order by d.id
