-- What is wrong with a stretch of the ledger. $1, $2: between these positions, the first exclusive.
-- Result: position, what is wrong; at most 1,000.
with log as (select max(a.last_position) as head from apus.appends a)
select l.position, case
    when l.position not between 1 and log.head then
        format('a row of the ledger is outside the log, which ends at %s', log.head)
    when k.id is null then format('the ledger names consumer %s, which is unknown', l.consumer_id)
    when l.attempt < 1 then format('the ledger has attempt %s of %s', l.attempt, k.name)
    else format('the ledger has outcome %s of %s', l.outcome, k.name)
    end
from apus.ledger l
left join apus.consumers k on k.id = l.consumer_id
cross join log
where l.position > $1 and l.position <= $2
    and (l.position not between 1 and log.head or k.id is null or l.attempt < 1
        or l.outcome not between 1 and 8)
order by l.position, l.id
limit 1000
