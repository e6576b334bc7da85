-- Keeps a new replay. $1 id, $2 tenant, $3 request id or null, $4 reason, $5 state, $6 events
-- matched, $7 events a second, $8 when it finished or null, $9 how many of a tenant may not be over.
-- One row: whether it is kept. If not, the tenant has a replay with this request id, or so many.
with kept as (
    insert into apus.replays
        (id, tenant, request_id, reason, state, matched, max_events_per_second, finished_at)
    select $1::uuid, $2::text, $3::text, $4::text, $5::smallint, $6::bigint, $7::integer,
        $8::timestamptz
    where $5::smallint not in (1, 2) or $9::bigint > (
        select count(*)
        from (
            select from apus.replays r
            where r.tenant = $2::text and r.state in (1, 2)
            limit $9::bigint
        ) o)
    on conflict (tenant, request_id) where request_id is not null do nothing
    returning 1
)
select exists (select from kept)
