-- How far the handlers are with events. One element an event: $1 positions, $2 types, $3 partitions,
-- $4 tenants, $5 partition keys.
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
from unnest($1::bigint[], $2::text[], $3::smallint[], $4::text[], $5::text[]) with ordinality
    as a (position, type, partition, tenant, key, ordinal)
left join lateral (
    select d.reason
    from apus.dead_letters d
    join apus.handlers h on h.consumer_id = d.consumer_id
    where d.position = a.position and d.resolved_at is null
    order by d.id
    limit 1
) failed on true
cross join lateral (
    select count(*) as handlers, count(*) filter (where s.state = 1) as waiting,
        count(s.state) as unfinished
    from (
        -- 1: nobody was handed it yet; 2: somebody was, and is not done; null: over.
        select case
            when coalesce(p.position, h.position) < a.position then 1
            when w.position is not null then case when w.attempt = 0 then 1 else 2 end
            when exists (
                select from apus.consumer_lanes l
                where l.consumer_id = h.consumer_id and l.partition = a.partition
                    and l.tenant = a.tenant and l.key in ('', a.key) and l.position < a.position
            ) then 1
            end as state
        from apus.handlers h
        left join apus.consumer_partitions p
            on p.consumer_id = h.consumer_id and p.partition = a.partition
        left join apus.work w
            on w.consumer_id = h.consumer_id and w.partition = a.partition
            and w.position = a.position
        where exists (
            select from apus.handler_patterns p
            where p.consumer_id = h.consumer_id and p.counts_after < a.position
                and a.type ~ p.regex)
    ) s
) wanted
left join lateral (
    select max(l.started_at + l.duration_us * interval '1 microsecond') as at
    from apus.ledger l
    join apus.handlers h on h.consumer_id = l.consumer_id
    where l.position = a.position and l.outcome in (2, 3)
) done on true
order by a.ordinal
