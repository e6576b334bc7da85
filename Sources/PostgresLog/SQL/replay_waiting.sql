-- Replays that a node can take up: not over, no other node's, and with an open target whose handler
-- it has and nobody paused; or with none that is open, so that only their end is missing. $1 handlers
-- of the node, $2 node, $3 how many of a tenant, $4 how many. Ids and tenants: the oldest of each
-- tenant first, then the second.
--
-- Only the oldest $3 of each tenant are looked at, so a look costs little whatever waits.
with recursive tenants (name) as (
    (
        select r.tenant from apus.replays r
        where r.state in (1, 2)
        order by r.tenant
        limit 1
    )
    union all
    select n.tenant
    from tenants t
    cross join lateral (
        select r.tenant from apus.replays r
        where r.state in (1, 2) and r.tenant > t.name
        order by r.tenant
        limit 1
    ) n
)
select w.id, w.tenant
from (
    select r.id, r.tenant, row_number() over (partition by r.tenant order by r.id) as place
    from tenants n
    cross join lateral (
        select a.id, a.tenant from apus.replays a
        where a.tenant = n.name and a.state in (1, 2)
        order by a.id
        limit $3
    ) r
    cross join lateral (
        select count(*) as open,
            count(*) filter (where t.handler = any ($1::text[]) and not h.paused) as runnable
        from apus.replay_targets t
        left join apus.handlers h on h.name = t.handler
        where t.replay_id = r.id and t.skipped_reason = '' and t.position < (
            select max(k.last_position) from apus.replay_chunks k where k.replay_id = r.id)
    ) o
    where (o.open = 0 or o.runnable > 0)
        and not exists (
            select from apus.leases l
            where l.name = 'replay/' || r.id::text and l.holder <> $2
                and l.expires_at > clock_timestamp())
) w
order by w.place, w.id
limit $4
