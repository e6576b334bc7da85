-- Handlers and how they get on. $1 the only name (null: all). By name: name, patterns, whether it has
-- external side effects, whether it is paused, whether it is being rebuilt, whether a circuit is
-- open, position, head, age of the first event beyond the position (null: none), runs that
-- succeeded, that failed, events to be tried again, open dead letters, nodes that have it registered or
-- still hold a part of it.
select h.name,
    array(
        select p.pattern from apus.handler_patterns p
        where p.consumer_id = h.consumer_id
        order by p.pattern),
    h.external_side_effects, h.paused, s.position < h.rebuild_through,
    exists (
        select from apus.consumer_members m
        join apus.consumer_nodes n on n.node = m.node and n.expires_at > clock_timestamp()
        where m.consumer_id = h.consumer_id and m.broken),
    s.position, a.head,
    (select extract(epoch from clock_timestamp() - e.recorded_at)::double precision
        from apus.events e
        where e.position > s.position and s.position < a.head
        order by e.position
        limit 1),
    c.succeeded, c.failed,
    (select count(*) from apus.work w
        where w.consumer_id = h.consumer_id and w.state = 1 and w.attempt > 0)::bigint,
    (select count(*) from apus.dead_letters d
        where d.consumer_id = h.consumer_id and d.resolved_at is null)::bigint,
    array(
        select n.node
        from apus.consumer_nodes n
        where n.expires_at > clock_timestamp() and (
            exists (
                select from apus.consumer_members m
                where m.consumer_id = h.consumer_id and m.node = n.node)
            or exists (
                select from apus.consumer_partitions p
                where p.consumer_id = h.consumer_id and p.holder = n.node))
        order by n.node)
from apus.handlers h
cross join lateral (
    select min(p.position) as position, coalesce(sum(p.succeeded), 0)::bigint as succeeded,
        coalesce(sum(p.failed), 0)::bigint as failed
    from apus.consumer_partitions p
    where p.consumer_id = h.consumer_id
) c
cross join lateral (
    select coalesce(least(
        coalesce(c.position, h.position),
        (select min(l.position) from apus.consumer_lanes l where l.consumer_id = h.consumer_id),
        -- Dead letters are counted by themselves.
        (select min(w.position) - 1 from apus.work w
            where w.consumer_id = h.consumer_id and w.state <> 3 and not w.revived)), 0) as position
) s
cross join (select coalesce(max(a.last_position), 0) as head from apus.appends a) a
where $1::text is null or h.name = $1
order by h.name
