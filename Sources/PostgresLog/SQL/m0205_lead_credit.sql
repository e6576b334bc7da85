-- Migration 205: a lead is credited to the first source that named it. No parameters, no result.

-- Counts created leads; one element an event. The lowest position that names a lead is what credits it,
-- in whatever order events are handled: one that comes late with a lower position takes the credit from
-- where it was. Rows are locked table by table, each in order of its keys.
create function apus.count_leads(
    tenants text[], lead_ids text[], sources text[], times timestamptz[], positions bigint[]
) returns void
language plpgsql as $$
declare
    named bigint;
    -- Leads as these events credit them.
    credited apus.leads[];
    -- Those of them that were credited to a later event, as they were and as they are.
    overtaken apus.leads[] := '{}';
    moved apus.leads[];
begin
    with first as (
        select distinct on (t.tenant, t.lead_id) t.*
        from unnest(tenants, lead_ids, sources, times, positions)
            as t (tenant, lead_id, source, occurred_at, position)
        order by t.tenant, t.lead_id, t.position
    ), made as (
        insert into apus.leads as l (tenant, lead_id, source, created_at, position)
        select f.tenant, f.lead_id, f.source, f.occurred_at, f.position
        from first f
        order by f.tenant, f.lead_id
        on conflict (tenant, lead_id) do nothing
        returning l as lead
    )
    select coalesce((select array_agg(m.lead) from made m), '{}'), (select count(*) from first)
    into credited, named;

    if cardinality(credited) < named then
        select coalesce(array_agg(o.lead), '{}')
        into overtaken
        from (
            select l as lead
            from (
                select t.tenant, t.lead_id, min(t.position) as position
                from unnest(tenants, lead_ids, positions) as t (tenant, lead_id, position)
                group by t.tenant, t.lead_id
            ) f
            join apus.leads l on l.tenant = f.tenant and l.lead_id = f.lead_id
            where l.position > f.position
            order by l.tenant, l.lead_id
            for update of l
        ) o;
    end if;

    if cardinality(overtaken) > 0 then
        with changed as (
            update apus.leads l
            set source = f.source, created_at = f.occurred_at, position = f.position
            from (
                select distinct on (t.tenant, t.lead_id) t.*
                from unnest(tenants, lead_ids, sources, times, positions)
                    as t (tenant, lead_id, source, occurred_at, position)
                order by t.tenant, t.lead_id, t.position
            ) f
            where l.tenant = f.tenant and l.lead_id = f.lead_id and l.position > f.position
            returning l as lead
        )
        select array_agg(c.lead) into moved from changed c;
        credited := credited || moved;
    end if;

    insert into apus.lead_funnel as f (tenant, source, stage, leads)
    select c.tenant, c.source, 'created', sum(c.leads)
    from (
        select n.tenant, n.source, 1 as leads from unnest(credited) n
        union all
        select o.tenant, o.source, -1 from unnest(overtaken) o
    ) c
    group by c.tenant, c.source
    having sum(c.leads) <> 0
    order by c.tenant, c.source
    on conflict (tenant, source, stage) do update set leads = f.leads + excluded.leads;

    if cardinality(overtaken) > 0 then
        -- As if it never had been credited.
        delete from apus.lead_funnel f
        using (select distinct o.tenant, o.source from unnest(overtaken) o) o
        where f.tenant = o.tenant and f.source = o.source and f.stage = 'created'
            and f.leads = 0;
    end if;

    insert into apus.lead_attribution as a (tenant, source, day, touches, leads)
    select c.tenant, c.source, (c.at at time zone 'UTC')::date, sum(c.touches), sum(c.leads)
    from (
        select t.tenant, t.source, t.occurred_at as at, 1 as touches, 0 as leads
        from unnest(tenants, sources, times) as t (tenant, source, occurred_at)
        union all
        select n.tenant, n.source, n.created_at, 0, 1 from unnest(credited) n
        union all
        select o.tenant, o.source, o.created_at, 0, -1 from unnest(overtaken) o
    ) c
    group by 1, 2, 3
    order by 1, 2, 3
    on conflict (tenant, source, day) do update
    set touches = a.touches + excluded.touches, leads = a.leads + excluded.leads;
end
$$;
