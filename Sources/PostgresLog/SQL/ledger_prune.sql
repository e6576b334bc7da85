-- Deletes old rows of the ledger within its next stretch; those of open dead letters stay.
-- $1: a moment; $2, $3: position and id after which to begin; $4: most rows to look at. Result: how
-- many were looked at, how many deleted, position and id of the last.
with stretch as (
    select l.position, l.id, l.consumer_id, l.started_at
    from apus.ledger l
    where (l.position, l.id) > ($2, $3) and l.position <= apus.position_before($1)
    order by l.position, l.id
    limit $4
), pruned as (
    delete from apus.ledger l
    using stretch s
    where l.position = s.position and l.id = s.id and s.started_at < $1
        and not exists (
            select from apus.dead_letters d
            where d.position = s.position and d.consumer_id = s.consumer_id
                and d.resolved_at is null)
    returning 1
)
select count(*), (select count(*) from pruned), max(s.position),
    max(s.id) filter (where s.position = (select max(m.position) from stretch m))
from stretch s
