-- Keeps a new replay. $1 id, $2 tenant, $3 request id or null, $4 reason, $5 state, $6 events
-- matched, $7 events a second, $8 when it finished or null. One row; none when the tenant has a
-- replay with this request id.
insert into apus.replays
    (id, tenant, request_id, reason, state, matched, max_events_per_second, finished_at)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (tenant, request_id) where request_id is not null do nothing
returning 1
