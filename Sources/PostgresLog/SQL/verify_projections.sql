-- What is wrong with the tables of projections. No parameters. Result: position, what is wrong; at
-- most 1,000.
with progress as (
    select least(max(a.last_position), (
        select max(p.position)
        from apus.handlers h
        join apus.consumer_partitions p on p.consumer_id = h.consumer_id
        where h.name = 'lead-analytics')) as position
    from apus.appends a
), leads as (
    select l.tenant, count(*) as leads from apus.leads l group by l.tenant
), funnel as (
    select f.tenant, sum(f.leads) as leads
    from apus.lead_funnel f where f.stage = 'created' group by f.tenant
), days as (
    select d.tenant, sum(d.leads) as leads from apus.lead_attribution d group by d.tenant
)
select l.position, format('lead-analytics counted a lead from it, and got as far as %s', p.position)
from apus.leads l, progress p
where l.position not between 1 and p.position
union all
select null, format('lead-analytics has %s leads of tenant %s, %s in its funnel, %s in its days',
    coalesce(l.leads, 0), tenant, coalesce(f.leads, 0), coalesce(d.leads, 0))
from leads l full join funnel f using (tenant) full join days d using (tenant)
where coalesce(l.leads, 0) <> coalesce(f.leads, 0) or coalesce(l.leads, 0) <> coalesce(d.leads, 0)
union all
select null, format('sequence-funnel has %s leads at step %s of sequence %s of tenant %s, and counts %s',
    coalesce(a.leads, 0), step_number, sequence_id, tenant, coalesce(f.leads, 0))
from apus.sequence_funnel f
full join (
    select s.tenant, s.sequence_id, s.step_number, s.step_id, count(*) as leads
    from apus.sequence_leads s group by 1, 2, 3, 4
) a using (tenant, sequence_id, step_number, step_id)
where coalesce(a.leads, 0) <> coalesce(f.leads, 0)
union all
select null, format('inventory has lines of tenant %s that want %s of %s, got %s and took %s; its stock'
    ' says %s, %s and %s', tenant, coalesce(l.wanted, 0), sku, coalesce(l.reserved, 0),
    coalesce(l.shipped, 0), coalesce(s.wanted, 0), coalesce(s.reserved, 0), coalesce(s.shipped, 0))
from apus.stock s
full join (
    select l.tenant, l.sku, sum(l.reserved) as reserved,
        coalesce(sum(l.quantity) filter (where l.state = 'open'), 0) as wanted,
        coalesce(sum(l.quantity) filter (where l.state = 'shipped'), 0) as shipped
    from apus.stock_lines l group by 1, 2
) l using (tenant, sku)
where coalesce(l.wanted, 0) <> coalesce(s.wanted, 0)
    or coalesce(l.reserved, 0) <> coalesce(s.reserved, 0)
    or coalesce(l.shipped, 0) <> coalesce(s.shipped, 0)
limit 1000
