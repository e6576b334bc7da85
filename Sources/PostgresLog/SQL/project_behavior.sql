-- Counts what users did: behavior-analytics. One element an event: $1 tenants, $2 what it tells of
-- (behavior, session_started, session_ended), $3 when, $4 types of behaviour or channels, $5 pages,
-- $6 elements, $7 users, $8 values in millionths, $9 whether they are unusable. No result.
with told as (
    select t.*, t.millionths * 0.000001 as value, (t.at at time zone 'UTC')::date as day
    from unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[],
        $7::text[], $8::bigint[], $9::boolean[])
        as t (tenant, kind, at, label, page, element, user_id, millionths, is_unusable)
), present as (
    insert into apus.active_users (tenant, day, user_id)
    select distinct t.tenant, t.day, t.user_id
    from told t
    where t.user_id <> ''
    order by 1, 2, 3
    on conflict do nothing
), sessions as (
    insert into apus.session_days as s (tenant, day, channel, started, ended, duration_seconds)
    select t.tenant, t.day, t.label, count(*) filter (where t.kind = 'session_started'),
        count(*) filter (where t.kind = 'session_ended'), coalesce(sum(t.value), 0)
    from told t
    where t.kind in ('session_started', 'session_ended')
    group by 1, 2, 3
    order by 1, 2, 3
    on conflict (tenant, day, channel) do update
    set started = s.started + excluded.started, ended = s.ended + excluded.ended,
        duration_seconds = s.duration_seconds + excluded.duration_seconds
)
insert into apus.behavior_days as b
    (tenant, day, behavior_type, page, element, events, measured, value, unusable_values)
select t.tenant, t.day, t.label, t.page, t.element, count(*), count(t.value),
    coalesce(sum(t.value), 0), count(*) filter (where t.is_unusable)
from told t
where t.kind = 'behavior'
group by 1, 2, 3, 4, 5
order by 1, 2, 3, 4, 5
on conflict (tenant, day, behavior_type, page, element) do update
set events = b.events + excluded.events, measured = b.measured + excluded.measured,
    value = b.value + excluded.value, unusable_values = b.unusable_values + excluded.unusable_values
