-- Deletes resolved dead letters whose events have left the log, within its next stretch of them, and
-- the copies of events of which no dead letter is left. $1: those resolved before; $2, $3: position
-- and id after which to begin; $4: most dead letters to look at. Result: how many were looked at, how
-- many deleted, position and id of the last.
--
-- Who still works on the event keeps both.
with stretch as (
    select d.position, d.id, d.resolved_at
    from apus.dead_letters d
    where d.resolved_at is not null and (d.position, d.id) > ($2, $3)
        and d.position < apus.earliest_position()
    order by d.position, d.id
    limit $4
), pruned as (
    delete from apus.dead_letters d
    using stretch s
    where d.id = s.id and s.resolved_at < $1
        and not exists (
            select
            from apus.kept_events k
            cross join apus.consumers c
            join apus.work w on w.consumer_id = c.id and w.partition = k.partition
                and w.position = k.position
            where k.position = s.position)
    returning d.position, d.id
), copies as (
    delete from apus.kept_events k
    using (select p.position, array_agg(p.id) as ids from pruned p group by p.position) g
    where k.position = g.position and not exists (
        select from apus.dead_letters d
        where d.position = g.position and not d.id = any (g.ids))
)
select count(*), (select count(*) from pruned), max(s.position),
    max(s.id) filter (where s.position = (select max(m.position) from stretch m))
from stretch s
