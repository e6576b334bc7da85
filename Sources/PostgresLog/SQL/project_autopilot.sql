-- Counts the autopilot's actions and leads that became customers: autopilot-attribution. One
-- element an event: $1 tenants, $2 positions, $3 when they occurred, $4 whether a lead became a
-- customer, $5 leads, $6 types of actions, $7 models, $8 latencies, $9 currencies, $10 units,
-- $11 billionths, $12 whether the amount is unusable. No result.
with told as (
    select t.*, t.units + t.nanos * 0.000000001 as amount,
        (t.occurred_at at time zone 'UTC')::date as day
    from unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::boolean[], $5::text[], $6::text[],
        $7::text[], $8::bigint[], $9::text[], $10::bigint[], $11::bigint[], $12::boolean[])
        as t (tenant, position, occurred_at, is_conversion, lead_id, action_type, model,
            latency_ms, currency, units, nanos, is_unusable)
), converted as (
    insert into apus.lead_conversions
        (tenant, lead_id, position, converted_at, currency, value, unusable_value)
    select t.tenant, t.lead_id, t.position, t.occurred_at, t.currency, t.amount, t.is_unusable
    from told t
    where t.is_conversion
    on conflict do nothing
), touched as (
    insert into apus.autopilot_touches (tenant, lead_id, position, action_type, model, day)
    select t.tenant, t.lead_id, t.position, t.action_type, t.model, t.day
    from told t
    where not t.is_conversion and t.lead_id <> ''
    on conflict do nothing
)
insert into apus.autopilot_actions as a
    (tenant, action_type, model, day, currency, actions, cost, unusable_costs, latency_ms)
select t.tenant, t.action_type, t.model, t.day, t.currency, count(*), sum(t.amount),
    count(*) filter (where t.is_unusable), sum(t.latency_ms)
from told t
where not t.is_conversion
group by 1, 2, 3, 4, 5
order by 1, 2, 3, 4, 5
on conflict (tenant, action_type, model, day, currency) do update
set actions = a.actions + excluded.actions, cost = a.cost + excluded.cost,
    unusable_costs = a.unusable_costs + excluded.unusable_costs,
    latency_ms = a.latency_ms + excluded.latency_ms
