-- Migration 244: lines that wait for stock cost nothing while there is none for them. No parameters,
-- no result.

-- Those that may have to give back.
create index stock_lines_reserved on apus.stock_lines (tenant, sku) where reserved > 0;

-- Takes in a batch. One element a fact: tenants, positions, what it is (created, shipped, released,
-- returned: of an order; line: one of a created order; returned_line, received, adjusted: of a
-- unit), orders, numbers of lines, units, quantities.
--
-- Locks orders, then units, each in order of their keys, then changes lines of these units only: so
-- two batches never wait for each other in a circle.
create or replace function apus.project_inventory(
    tenants text[], positions bigint[], kinds text[], orders text[], numbers bigint[],
    skus text[], quantities bigint[]
) returns void
language plpgsql as $$
declare
    order_tenants text[];
    order_ids text[];
    sku_tenants text[];
    sku_names text[];
    before_tenants text[];
    before_skus text[];
    before_wanted bigint[];
    before_shipped bigint[];
    before_returned bigint[];
    full_tenants text[];
    full_skus text[];
    short_tenants text[];
    short_skus text[];
    changed_places tid[];
    changed_reserved bigint[];
begin
    select array_agg(f.tenant), array_agg(f.order_id)
    into order_tenants, order_ids
    from (
        select distinct f.tenant collate "C" as tenant, f.order_id collate "C" as order_id
        from unnest(tenants, orders) as f (tenant, order_id)
        where f.order_id is not null
        order by 1, 2
    ) f;
    insert into apus.stock_orders (tenant, order_id)
    select f.tenant, f.order_id
    from unnest(order_tenants, order_ids) with ordinality as f (tenant, order_id, ordinal)
    order by f.ordinal
    on conflict do nothing;
    perform from apus.stock_orders o
    join unnest(order_tenants, order_ids) as f (tenant, order_id)
        on f.tenant = o.tenant and f.order_id = o.order_id
    order by o.tenant, o.order_id
    for no key update of o;

    select array_agg(f.tenant), array_agg(f.sku)
    into sku_tenants, sku_names
    from (
        select f.tenant collate "C" as tenant, f.sku collate "C" as sku
        from unnest(tenants, skus) as f (tenant, sku)
        where f.sku is not null
        union
        select l.tenant, l.sku
        from apus.stock_lines l
        join unnest(order_tenants, order_ids) as f (tenant, order_id)
            on f.tenant = l.tenant and f.order_id = l.order_id
        order by 1, 2
    ) f;
    insert into apus.stock (tenant, sku)
    select f.tenant, f.sku
    from unnest(sku_tenants, sku_names) with ordinality as f (tenant, sku, ordinal)
    order by f.ordinal
    on conflict do nothing;
    perform from apus.stock s
    join unnest(sku_tenants, sku_names) as f (tenant, sku)
        on f.tenant = s.tenant and f.sku = s.sku
    order by s.tenant, s.sku
    for no key update of s;

    select array_agg(m.tenant), array_agg(m.sku), array_agg(m.wanted), array_agg(m.shipped),
        array_agg(m.returned)
    into before_tenants, before_skus, before_wanted, before_shipped, before_returned
    from apus.stock_moved(order_tenants, order_ids) m;

    update apus.stock_orders o
    set created_position = least(o.created_position, f.created),
        shipped_position = least(o.shipped_position, f.shipped),
        released_position = least(o.released_position, f.released),
        returned_position = least(o.returned_position, f.returned)
    from (
        select f.tenant, f.order_id, min(f.position) filter (where f.kind = 'created') as created,
            min(f.position) filter (where f.kind = 'shipped') as shipped,
            min(f.position) filter (where f.kind = 'released') as released,
            min(f.position) filter (where f.kind = 'returned') as returned
        from unnest(tenants, positions, kinds, orders) as f (tenant, position, kind, order_id)
        where f.order_id is not null
        group by 1, 2
    ) f
    where o.tenant = f.tenant and o.order_id = f.order_id;
    -- Of two events that say an order was created the first is right.
    delete from apus.stock_lines l
    using apus.stock_orders o, unnest(order_tenants, order_ids) as f (tenant, order_id)
    where o.tenant = f.tenant and o.order_id = f.order_id and l.tenant = f.tenant
        and l.order_id = f.order_id and l.position > o.created_position;
    insert into apus.stock_lines (tenant, order_id, line, position, sku, quantity, state)
    select f.tenant, f.order_id, f.number, f.position, f.sku, f.quantity, 'open'
    from unnest(tenants, positions, kinds, orders, numbers, skus, quantities)
        as f (tenant, position, kind, order_id, number, sku, quantity)
    join apus.stock_orders o
        on o.tenant = f.tenant and o.order_id = f.order_id and o.created_position = f.position
    where f.kind = 'line'
    on conflict do nothing;
    insert into apus.stock_returns as r (tenant, order_id, sku, quantity)
    select f.tenant, f.order_id, f.sku, sum(f.quantity)
    from unnest(tenants, kinds, orders, skus, quantities)
        as f (tenant, kind, order_id, sku, quantity)
    where f.kind = 'returned_line'
    group by 1, 2, 3
    on conflict (tenant, order_id, sku) do update set quantity = r.quantity + excluded.quantity;
    update apus.stock_lines l
    set state = s.state, reserved = 0
    from (
        select o.tenant, o.order_id,
            case when o.shipped_position is not null then 'shipped'
                when o.released_position is not null then 'released'
                else 'open' end as state
        from apus.stock_orders o
        join unnest(order_tenants, order_ids) as f (tenant, order_id)
            on f.tenant = o.tenant and f.order_id = o.order_id
    ) s
    where l.tenant = s.tenant and l.order_id = s.order_id and l.state <> s.state;

    -- Nothing is reserved until the lines are asked again, so that no rule of the table is broken
    -- in between. Where there is nothing to reserve, nobody is asked; where there is enough for all,
    -- as there was before, only the batch's own lines.
    with moved as (
        select m.tenant, m.sku, sum(m.received) as received, sum(m.adjusted) as adjusted,
            sum(m.wanted) as wanted, sum(m.shipped) as shipped, sum(m.returned) as returned
        from (
            select f.tenant, f.sku,
                case when f.kind = 'received' then f.quantity else 0 end as received,
                case when f.kind = 'adjusted' then f.quantity else 0 end as adjusted,
                0::bigint as wanted, 0::bigint as shipped, 0::bigint as returned
            from unnest(tenants, kinds, skus, quantities) as f (tenant, kind, sku, quantity)
            where f.kind in ('received', 'adjusted')
            union all
            select a.tenant, a.sku, 0, 0, a.wanted, a.shipped, a.returned
            from apus.stock_moved(order_tenants, order_ids) a
            union all
            select b.tenant, b.sku, 0, 0, -b.wanted, -b.shipped, -b.returned
            from unnest(
                before_tenants, before_skus, before_wanted, before_shipped, before_returned)
                as b (tenant, sku, wanted, shipped, returned)
        ) m
        group by 1, 2
    ), counted as (
        update apus.stock s
        set received = s.received + m.received, adjusted = s.adjusted + m.adjusted,
            shipped = s.shipped + m.shipped, returned = s.returned + m.returned,
            wanted = s.wanted + m.wanted, reserved = 0
        from moved m
        join apus.stock o on o.tenant = m.tenant and o.sku = m.sku
        where s.tenant = m.tenant and s.sku = m.sku
        returning s.tenant, s.sku, s.on_hand = 0 and o.reserved = 0 as is_empty,
            s.wanted <= s.on_hand and o.reserved = o.wanted as is_full
    )
    select array_agg(c.tenant) filter (where c.is_full),
        array_agg(c.sku) filter (where c.is_full),
        array_agg(c.tenant) filter (where not c.is_full and not c.is_empty),
        array_agg(c.sku) filter (where not c.is_full and not c.is_empty)
    into full_tenants, full_skus, short_tenants, short_skus
    from counted c;

    update apus.stock_lines l
    set reserved = l.quantity
    from unnest(order_tenants, order_ids) as f (tenant, order_id)
    join unnest(full_tenants, full_skus) as u (tenant, sku) on u.tenant = f.tenant
    where l.tenant = f.tenant and l.order_id = f.order_id and l.sku = u.sku and l.state = 'open'
        and l.reserved <> l.quantity;
    update apus.stock s
    set reserved = s.wanted
    from unnest(full_tenants, full_skus) as u (tenant, sku)
    where s.tenant = u.tenant and s.sku = u.sku;

    -- A line asks for one at least: behind as many lines as there are units, none gets any. Nobody
    -- else changes lines of these units, so they stay where they are found.
    with asked as materialized (
        select l.place, l.reserved as before,
            greatest(0, least(l.quantity, s.on_hand + l.quantity - sum(l.quantity) over (
                partition by s.tenant, s.sku order by l.position, l.line)))::bigint as reserved
        from unnest(short_tenants, short_skus) as f (tenant, sku)
        join apus.stock s on s.tenant = f.tenant and s.sku = f.sku
        cross join lateral (
            select o.ctid as place, o.position, o.line, o.quantity, o.reserved
            from apus.stock_lines o
            where o.tenant = s.tenant and o.sku = s.sku and o.state = 'open'
            order by o.position, o.line
            limit s.on_hand
        ) l
    )
    select array_agg(c.place), array_agg(c.reserved)
    into changed_places, changed_reserved
    from (
        select a.place, a.reserved from asked a where a.reserved <> a.before
        union all
        select l.ctid, 0
        from unnest(short_tenants, short_skus) as f (tenant, sku)
        join apus.stock_lines l on l.tenant = f.tenant and l.sku = f.sku and l.reserved > 0
        where l.ctid not in (select a.place from asked a)
    ) c;
    update apus.stock_lines l
    set reserved = c.reserved
    from unnest(changed_places, changed_reserved) as c (place, reserved)
    where l.ctid = c.place;
    update apus.stock s
    set reserved = least(s.wanted, s.on_hand)
    from unnest(short_tenants, short_skus) as u (tenant, sku)
    where s.tenant = u.tenant and s.sku = u.sku;
end
$$;
