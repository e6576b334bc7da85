-- How far the handlers are with events. $1 positions, $2 types, one element an event.
-- One row an event, in their order: status (as apus.v1.EventStatus), when the last handler was
-- done as far as the ledger knows, the reason of the open dead letter.
select
    case
        when failed.reason is not null then 4
        when wanted.unfinished = 0 then 3
        when wanted.waiting = wanted.handlers then 1
        else 2
    end,
    done.at,
    failed.reason
from unnest($1::bigint[], $2::text[]) with ordinality as a (position, type, ordinal)
left join lateral (
    select d.reason
    from apus.dead_letters d
    join apus.handlers h on h.consumer_id = d.consumer_id
    where d.position = a.position and d.resolved_at is null
    order by d.id
    limit 1
) failed on true
cross join lateral (
    select count(*) as handlers,
        count(*) filter (where h.position < a.position) as waiting,
        count(*) filter (where h.position < a.position or u.position is not null) as unfinished
    from apus.handlers h
    left join apus.unfinished u on u.position = a.position and u.consumer_id = h.consumer_id
    where exists (
        select from apus.handler_patterns p
        where p.consumer_id = h.consumer_id and p.counts_after < a.position
            and a.type ~ p.regex)
) wanted
left join lateral (
    select max(l.started_at + l.duration_us * interval '1 microsecond') as at
    from apus.ledger l
    join apus.handlers h on h.consumer_id = l.consumer_id
    where l.position = a.position and l.outcome in (2, 3)
) done on true
order by a.ordinal
