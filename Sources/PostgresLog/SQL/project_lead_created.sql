-- Counts created leads: lead-analytics. One element an event: $1 tenants, $2 leads, $3 sources,
-- $4 when they occurred, $5 positions. No result.
with touched as (
    select *
    from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::bigint[])
        as t (tenant, lead_id, source, occurred_at, position)
), created as (
    insert into apus.leads (tenant, lead_id, source, created_at, position)
    select distinct on (t.tenant, t.lead_id) t.tenant, t.lead_id, t.source, t.occurred_at,
        t.position
    from touched t
    order by t.tenant, t.lead_id, t.position
    on conflict (tenant, lead_id) do nothing
    returning tenant, lead_id, source, position
), counted as (
    insert into apus.lead_funnel as f (tenant, source, stage, leads)
    select c.tenant, c.source, 'created', count(*) from created c group by 1, 2 order by 1, 2
    on conflict (tenant, source, stage) do update set leads = f.leads + excluded.leads
)
insert into apus.lead_attribution as a (tenant, source, day, touches, leads)
select t.tenant, t.source, (t.occurred_at at time zone 'UTC')::date, count(*), count(c.position)
from touched t
left join created c on c.tenant = t.tenant and c.position = t.position
group by 1, 2, 3
order by 1, 2, 3
on conflict (tenant, source, day) do update
set touches = a.touches + excluded.touches, leads = a.leads + excluded.leads
