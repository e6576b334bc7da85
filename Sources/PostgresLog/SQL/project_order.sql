-- Takes in what happened to orders: order-analytics. One element an event: $1 tenants, $2 orders,
-- $3 positions, $4 stages, $5 when they happened, $6 statuses since, $7 customers, $8 channels,
-- $9 to $11 the order's total: currencies, units, billionths; $12 to $14 the amount likewise;
-- $15 whether the amount is unusable. No result.
with told as (
    select t.*, t.units + t.nanos * 0.000000001 as amount,
        t.total_units + t.total_nanos * 0.000000001 as total
    from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::timestamptz[], $6::text[],
        $7::text[], $8::text[], $9::text[], $10::bigint[], $11::bigint[], $12::text[],
        $13::bigint[], $14::bigint[], $15::boolean[])
        as t (tenant, order_id, position, stage, at, status, customer_id, channel, total_currency,
            total_units, total_nanos, currency, units, nanos, is_unusable)
), standing as (
    insert into apus.orders as o (
        tenant, order_id, customer_id, channel, status, status_position, currency, total,
        total_position, created_at, paid_at, shipped_at, delivered_at, cancelled_at, returned_at,
        refunded_at)
    select t.tenant, t.order_id, max(t.customer_id collate "C"), max(t.channel collate "C"),
        (array_agg(t.status order by t.position desc) filter (where t.status is not null))[1],
        max(t.position) filter (where t.status is not null),
        (array_agg(t.total_currency order by t.position desc)
            filter (where t.total_currency <> ''))[1],
        (array_agg(t.total order by t.position desc) filter (where t.total_currency <> ''))[1],
        max(t.position) filter (where t.total_currency <> ''),
        min(t.at) filter (where t.stage = 'created'),
        min(t.at) filter (where t.status = 'paid'),
        min(t.at) filter (where t.status = 'shipped'),
        min(t.at) filter (where t.status = 'delivered'),
        min(t.at) filter (where t.status = 'cancelled'),
        min(t.at) filter (where t.status = 'returned'),
        min(t.at) filter (where t.status = 'refunded')
    from told t
    group by 1, 2
    order by 1, 2
    on conflict (tenant, order_id) do update
    set customer_id = greatest(o.customer_id, excluded.customer_id),
        channel = greatest(o.channel, excluded.channel),
        status = case when excluded.status_position > coalesce(o.status_position, 0)
            then excluded.status else o.status end,
        status_position = greatest(o.status_position, excluded.status_position),
        currency = case when excluded.total_position > coalesce(o.total_position, 0)
            then excluded.currency else o.currency end,
        total = case when excluded.total_position > coalesce(o.total_position, 0)
            then excluded.total else o.total end,
        total_position = greatest(o.total_position, excluded.total_position),
        created_at = least(o.created_at, excluded.created_at),
        paid_at = least(o.paid_at, excluded.paid_at),
        shipped_at = least(o.shipped_at, excluded.shipped_at),
        delivered_at = least(o.delivered_at, excluded.delivered_at),
        cancelled_at = least(o.cancelled_at, excluded.cancelled_at),
        returned_at = least(o.returned_at, excluded.returned_at),
        refunded_at = least(o.refunded_at, excluded.refunded_at)
), money as (
    insert into apus.order_money as m (tenant, order_id, currency, paid, refunded, payments)
    select t.tenant, t.order_id, t.currency,
        coalesce(sum(t.amount) filter (where t.stage = 'paid'), 0),
        coalesce(sum(t.amount) filter (where t.stage = 'refunded'), 0),
        coalesce(sum(t.amount) filter (where t.stage = 'payment'), 0)
    from told t
    where t.stage in ('paid', 'refunded', 'payment') and t.currency <> ''
    group by 1, 2, 3
    order by 1, 2, 3
    on conflict (tenant, order_id, currency) do update
    set paid = m.paid + excluded.paid, refunded = m.refunded + excluded.refunded,
        payments = m.payments + excluded.payments
)
insert into apus.order_days as d
    (tenant, day, stage, channel, currency, events, amount, unusable_amounts)
select t.tenant, (t.at at time zone 'UTC')::date, t.stage, coalesce(t.channel, 'unknown'),
    t.currency, count(*), sum(t.amount), count(*) filter (where t.is_unusable)
from told t
group by 1, 2, 3, 4, 5
order by 1, 2, 3, 4, 5
on conflict (tenant, day, stage, channel, currency) do update
set events = d.events + excluded.events, amount = d.amount + excluded.amount,
    unusable_amounts = d.unusable_amounts + excluded.unusable_amounts
