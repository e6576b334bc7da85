-- How all tenants' groups get on. $1 how many of them have a row of their own: the oldest. The rest
-- share one, without a name. Result: tenant, name, the most events behind the head, the age of the
-- oldest that is not finished (null: none), members, in flight, open dead letters.
with parts as (
    select p.consumer_id, min(p.position) as position
    from apus.consumer_partitions p
    group by p.consumer_id
), lanes as (
    select l.consumer_id, min(l.position) as position
    from apus.consumer_lanes l
    group by l.consumer_id
), work as (
    -- Dead letters are counted by themselves.
    select w.consumer_id, min(w.position) filter (where w.state <> 3 and not w.revived) - 1
            as position,
        count(*) filter (where w.state = 2) as in_flight
    from apus.work w
    group by w.consumer_id
), members as (
    select m.consumer_id, sum(m.members) as members
    from apus.consumer_members m
    join apus.consumer_nodes n on n.node = m.node and n.expires_at > clock_timestamp()
    group by m.consumer_id
), dead as (
    select d.consumer_id, count(*) as letters
    from apus.dead_letters d
    where d.resolved_at is null
    group by d.consumer_id
), ranked as (
    select g.consumer_id, g.tenant, g.name,
        row_number() over (order by g.consumer_id) <= $1::bigint as is_shown
    from apus.groups g
), shown as (
    select r.tenant, r.name, min(least(p.position, l.position, w.position)) as position,
        sum(m.members)::bigint as members, sum(w.in_flight)::bigint as in_flight,
        sum(d.letters)::bigint as letters
    from (
        select r.consumer_id, case when r.is_shown then r.tenant end as tenant,
            case when r.is_shown then r.name end as name
        from ranked r
    ) r
    left join parts p using (consumer_id)
    left join lanes l using (consumer_id)
    left join work w using (consumer_id)
    left join members m using (consumer_id)
    left join dead d using (consumer_id)
    group by r.tenant, r.name
)
select s.tenant, s.name, greatest(h.head - s.position, 0),
    (select extract(epoch from clock_timestamp() - e.recorded_at)::double precision
        from apus.events e
        where e.position > s.position and s.position < h.head
        order by e.position
        limit 1),
    coalesce(s.members, 0), coalesce(s.in_flight, 0), coalesce(s.letters, 0)
from shown s
cross join (select max(a.last_position) as head from apus.appends a) h
order by s.tenant, s.name
