-- Counts steps of sequences: sequence-funnel. One element an event: $1 tenants, $2 sequences,
-- $3 numbers of steps, $4 steps, $5 leads, $6 outcomes, $7 latencies. No result.
with told as (
    select *
    from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[],
        $7::bigint[])
        as t (tenant, sequence_id, step_number, step_id, lead_id, outcome, latency_ms)
), arrived as (
    insert into apus.sequence_leads (tenant, sequence_id, step_number, step_id, lead_id)
    select distinct t.tenant, t.sequence_id, t.step_number, t.step_id, t.lead_id
    from told t
    where t.lead_id <> ''
    order by 1, 2, 3, 4, 5
    on conflict do nothing
    returning tenant, sequence_id, step_number, step_id
), counted as (
    select a.tenant, a.sequence_id, a.step_number, a.step_id, count(*) as leads
    from arrived a
    group by 1, 2, 3, 4
)
insert into apus.sequence_funnel as f
    (tenant, sequence_id, step_number, step_id, leads, executions, succeeded, failed, skipped,
    latency_ms)
select t.tenant, t.sequence_id, t.step_number, t.step_id, coalesce(c.leads, 0), count(*),
    count(*) filter (where t.outcome = 'succeeded'), count(*) filter (where t.outcome = 'failed'),
    count(*) filter (where t.outcome = 'skipped'), sum(t.latency_ms)
from told t
left join counted c using (tenant, sequence_id, step_number, step_id)
group by 1, 2, 3, 4, c.leads
order by 1, 2, 3, 4
on conflict (tenant, sequence_id, step_number, step_id) do update
set leads = f.leads + excluded.leads, executions = f.executions + excluded.executions,
    succeeded = f.succeeded + excluded.succeeded, failed = f.failed + excluded.failed,
    skipped = f.skipped + excluded.skipped, latency_ms = f.latency_ms + excluded.latency_ms
