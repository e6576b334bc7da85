-- A tenant's groups and how they get on. $1 tenant, $2 names beyond this, $3 or just this name
-- (null: all), $4 how many. By name: consumer, version, the definition, then position, head, time
-- of the first event beyond the position (null: none), members, in flight, dead letters.
select g.consumer_id, g.version, g.name, g.types, g.tenants is null,
    coalesce(g.tenants, '{}'), g.subject_prefix, g.sources, g.kinds, g.start_kind,
    coalesce(g.start_position, 0), g.start_at, g.ordering, g.max_attempts, g.ack_deadline_us,
    s.position, h.head,
    (select extract(epoch from clock_timestamp() - e.recorded_at)::double precision
        from apus.events e
        where e.position > s.position and s.position < h.head
        order by e.position
        limit 1),
    (select coalesce(sum(m.members), 0)
        from apus.consumer_members m
        join apus.consumer_nodes n on n.node = m.node and n.expires_at > clock_timestamp()
        where m.consumer_id = g.consumer_id)::bigint,
    (select count(*) from apus.work w
        where w.consumer_id = g.consumer_id and w.state = 2)::bigint,
    (select count(*) from apus.dead_letters d
        where d.consumer_id = g.consumer_id and d.resolved_at is null)::bigint
from apus.groups g
cross join lateral (
    select coalesce(min(p.position), 0) as position
    from (
        select p.position from apus.consumer_partitions p where p.consumer_id = g.consumer_id
        union all
        select l.position from apus.consumer_lanes l where l.consumer_id = g.consumer_id
        union all
        -- Dead letters are counted by themselves.
        select w.position - 1 from apus.work w
        where w.consumer_id = g.consumer_id and w.state <> 3 and not w.revived
    ) p
) s
cross join (select max(a.last_position) as head from apus.appends a) h
where g.tenant = $1 and g.name > $2 and ($3::text is null or g.name = $3)
order by g.name
limit $4
