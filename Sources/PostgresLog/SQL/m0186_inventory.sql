-- Migration 186: the stock, and what orders take of it (inventory). No parameters, no result.
--
-- What is reserved for whom follows from which events there are, not from the order in which they
-- were handled: events of an order and of a stock-keeping unit have different keys, so that either
-- may be handled first. The open lines of a unit are served in order of their orders' positions,
-- as far as the stock goes; a line that gets less waits, and gets more when there is more.

-- A stock-keeping unit.
create table apus.stock (
    tenant text collate "C" not null,
    sku text collate "C" not null,
    received bigint not null default 0,
    adjusted bigint not null default 0,
    shipped bigint not null default 0,
    returned bigint not null default 0,
    -- Of open lines: what they ask for, and what they got.
    wanted bigint not null default 0,
    reserved bigint not null default 0,
    -- What is there. More may be shipped than anybody said had come: then nothing is, and so much
    -- is unaccounted for.
    on_hand bigint not null generated always as
        (greatest(0, received + adjusted + returned - shipped)) stored,
    unaccounted bigint not null generated always as
        (greatest(0, shipped - received - adjusted - returned)) stored,
    available bigint not null generated always as
        (greatest(0, received + adjusted + returned - shipped) - reserved) stored,
    primary key (tenant, sku),
    check (reserved between 0 and wanted),
    check (reserved <= greatest(0, received + adjusted + returned - shipped))
);

-- What was said of an order, each by the position that said so first.
create table apus.stock_orders (
    tenant text collate "C" not null,
    order_id text collate "C" not null,
    created_position bigint,
    shipped_position bigint,
    released_position bigint,
    -- Of all its lines.
    returned_position bigint,
    primary key (tenant, order_id)
);

-- The lines of orders. What was shipped stays shipped, whoever cancels the order.
create table apus.stock_lines (
    tenant text collate "C" not null,
    order_id text collate "C" not null,
    -- From 1.
    line integer not null,
    -- Of the order.
    position bigint not null,
    sku text collate "C" not null,
    quantity bigint not null check (quantity > 0),
    state text collate "C" not null check (state in ('open', 'shipped', 'released')),
    reserved bigint not null default 0 check (reserved between 0 and quantity),
    -- What cannot be reserved yet.
    short bigint not null generated always as
        (case when state = 'open' then quantity - reserved else 0 end) stored,
    primary key (tenant, order_id, line)
);
create index stock_lines_open on apus.stock_lines (tenant, sku, position, line)
    where state = 'open';

-- Returns of single lines; of more than was shipped only as much as was shipped counts.
create table apus.stock_returns (
    tenant text collate "C" not null,
    order_id text collate "C" not null,
    sku text collate "C" not null,
    quantity bigint not null,
    primary key (tenant, order_id, sku)
);

-- What orders ask of the stock, took from it and brought back, by unit.
create function apus.stock_moved(tenants text[], orders text[])
returns table (tenant text, sku text, wanted bigint, shipped bigint, returned bigint)
language sql stable as $$
    select m.tenant, m.sku, sum(m.wanted)::bigint, sum(m.shipped)::bigint,
        sum(case when m.is_all then m.shipped else least(m.shipped, m.returned) end)::bigint
    from (
        select l.tenant, l.order_id, l.sku,
            coalesce(sum(l.quantity) filter (where l.state = 'open'), 0) as wanted,
            coalesce(sum(l.quantity) filter (where l.state = 'shipped'), 0) as shipped,
            bool_or(o.returned_position is not null) as is_all,
            coalesce(max(r.quantity), 0) as returned
        from unnest(tenants, orders) as t (tenant, order_id)
        join apus.stock_orders o on o.tenant = t.tenant and o.order_id = t.order_id
        join apus.stock_lines l on l.tenant = t.tenant and l.order_id = t.order_id
        left join apus.stock_returns r
            on r.tenant = l.tenant and r.order_id = l.order_id and r.sku = l.sku
        group by 1, 2, 3
    ) m
    group by 1, 2
$$;

-- Takes in a batch. One element a fact: tenants, positions, what it is (created, shipped, released,
-- returned: of an order; line: one of a created order; returned_line, received, adjusted: of a
-- unit), orders, numbers of lines, units, quantities.
--
-- Locks orders, then units, each in order of their keys, then changes lines of these units only: so
-- two batches never wait for each other in a circle.
create function apus.project_inventory(
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

    with asked as (
        select l.tenant, l.order_id, l.line, l.sku,
            greatest(0, least(l.quantity, s.on_hand + l.quantity - sum(l.quantity) over (
                partition by l.tenant, l.sku order by l.position, l.line)))::bigint as reserved
        from unnest(short_tenants, short_skus) as f (tenant, sku)
        join apus.stock s on s.tenant = f.tenant and s.sku = f.sku
        join apus.stock_lines l
            on l.tenant = f.tenant and l.sku = f.sku and l.state = 'open'
    ), answered as (
        update apus.stock_lines l
        set reserved = a.reserved
        from asked a
        where l.tenant = a.tenant and l.order_id = a.order_id and l.line = a.line
            and l.reserved <> a.reserved
    )
    update apus.stock s
    set reserved = a.reserved
    from (select a.tenant, a.sku, sum(a.reserved) as reserved from asked a group by 1, 2) a
    where s.tenant = a.tenant and s.sku = a.sku;
end
$$;
