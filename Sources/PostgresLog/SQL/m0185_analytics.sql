-- Migration 185: the tables of the analytics that ship. No parameters, no result.
--
-- README.md tells analysts what the columns hold. Every table is keyed by tenant first. All sums can
-- be made in any order, since events of different keys are handled in any; where one event must win,
-- it is the one with the higher position.

-- message-slo: messages by channel and hour (UTC), in buckets of latency.
create table apus.message_latency (
    tenant text collate "C" not null,
    channel text collate "C" not null,
    hour timestamptz not null,
    -- The bucket's upper end, inclusive.
    up_to_ms bigint not null,
    messages bigint not null,
    failed bigint not null,
    -- Sum over the messages.
    latency_ms numeric not null,
    primary key (tenant, channel, hour, up_to_ms)
);

-- What share of a channel's messages should be away within so long; '*': channels without a row.
-- Operators change the rows. Times are ends of buckets, since nothing finer is known.
create table apus.message_objectives (
    channel text collate "C" primary key,
    within_ms bigint not null check (within_ms in (
        50, 100, 250, 500, 1000, 2000, 5000, 10000, 30000, 60000, 300000)),
    share numeric not null check (share > 0 and share < 1)
);
insert into apus.message_objectives values ('*', 5000, 0.99);

-- How much of the objective an hour used up: with a burn of 1 all that it allows, over 1 more.
create view apus.message_slo with (security_invoker = true) as
select tenant, channel, hour, messages, failed, slow, within_ms, share as objective,
    (failed + slow) / messages::numeric as bad_share,
    (failed + slow) / messages::numeric / (1 - share) as burn
from (
    select m.tenant, m.channel, m.hour, sum(m.messages)::bigint as messages,
        sum(m.failed)::bigint as failed,
        coalesce(sum(m.messages - m.failed) filter (where m.up_to_ms > o.within_ms), 0)::bigint
            as slow,
        o.within_ms, o.share
    from apus.message_latency m
    cross join lateral (
        select o.within_ms, o.share
        from apus.message_objectives o
        where o.channel in (m.channel, '*')
        order by o.channel = '*'
        limit 1
    ) o
    group by m.tenant, m.channel, m.hour, o.within_ms, o.share
) hours;

-- autopilot-attribution: what the autopilot did, by day (UTC).
create table apus.autopilot_actions (
    tenant text collate "C" not null,
    action_type text collate "C" not null,
    model text collate "C" not null,
    day date not null,
    -- Of the cost; empty for actions without one.
    currency text collate "C" not null,
    actions bigint not null,
    cost numeric not null,
    -- Actions whose cost was no amount: negative, without a currency.
    unusable_costs bigint not null,
    latency_ms numeric not null,
    primary key (tenant, action_type, model, day, currency)
);

-- Actions that were for a lead.
create table apus.autopilot_touches (
    tenant text collate "C" not null,
    lead_id text collate "C" not null,
    position bigint not null,
    action_type text collate "C" not null,
    model text collate "C" not null,
    day date not null,
    primary key (tenant, lead_id, position)
);

-- Leads that became customers.
create table apus.lead_conversions (
    tenant text collate "C" not null,
    lead_id text collate "C" not null,
    position bigint not null,
    converted_at timestamptz not null,
    currency text collate "C" not null,
    value numeric not null,
    -- What was said to be the value is no amount; counted as nothing.
    unusable_value boolean not null,
    primary key (tenant, lead_id, position)
);

-- Cost and return of the autopilot's actions: a conversion is credited to the last action for its
-- lead before it, on that action's day.
create view apus.autopilot_attribution with (security_invoker = true) as
with earned as (
    select c.tenant, t.action_type, t.model, t.day, c.currency, count(*) as conversions,
        sum(c.value) as value
    from apus.lead_conversions c
    cross join lateral (
        select t.action_type, t.model, t.day
        from apus.autopilot_touches t
        where t.tenant = c.tenant and t.lead_id = c.lead_id and t.position < c.position
        order by t.position desc
        limit 1
    ) t
    group by c.tenant, t.action_type, t.model, t.day, c.currency
)
select tenant, action_type, model, day, currency, coalesce(a.actions, 0) as actions,
    a.latency_ms / a.actions as mean_latency_ms, coalesce(a.cost, 0) as cost,
    coalesce(e.conversions, 0) as conversions, coalesce(e.value, 0) as value,
    coalesce(e.value, 0) - coalesce(a.cost, 0) as return
from apus.autopilot_actions a
full join earned e using (tenant, action_type, model, day, currency);

-- sequence-funnel: leads that got to a step.
create table apus.sequence_leads (
    tenant text collate "C" not null,
    sequence_id text collate "C" not null,
    step_number bigint not null,
    step_id text collate "C" not null,
    lead_id text collate "C" not null,
    primary key (tenant, sequence_id, step_number, step_id, lead_id)
);

create table apus.sequence_funnel (
    tenant text collate "C" not null,
    sequence_id text collate "C" not null,
    step_number bigint not null,
    step_id text collate "C" not null,
    -- Different ones.
    leads bigint not null,
    executions bigint not null,
    succeeded bigint not null,
    failed bigint not null,
    skipped bigint not null,
    latency_ms numeric not null,
    primary key (tenant, sequence_id, step_number, step_id)
);

-- order-analytics: orders as they stand.
create table apus.orders (
    tenant text collate "C" not null,
    order_id text collate "C" not null,
    customer_id text collate "C",
    channel text collate "C",
    status text collate "C",
    currency text collate "C",
    total numeric,
    -- When the order got so far first; null: not yet, or nobody said so.
    created_at timestamptz,
    paid_at timestamptz,
    shipped_at timestamptz,
    delivered_at timestamptz,
    cancelled_at timestamptz,
    returned_at timestamptz,
    refunded_at timestamptz,
    -- Of the events that said status and total last.
    status_position bigint,
    total_position bigint,
    primary key (tenant, order_id)
);

-- What was paid for an order and given back.
create table apus.order_money (
    tenant text collate "C" not null,
    order_id text collate "C" not null,
    currency text collate "C" not null,
    -- By order.paid, order.refunded and payment.processed: the first and the last may tell of the
    -- same money.
    paid numeric not null,
    refunded numeric not null,
    payments numeric not null,
    primary key (tenant, order_id, currency)
);

-- Events about orders by day (UTC) and what they were about: created, status_changed, paid,
-- cancelled, shipped, delivered, returned, refunded, payment.
create table apus.order_days (
    tenant text collate "C" not null,
    day date not null,
    stage text collate "C" not null,
    channel text collate "C" not null,
    currency text collate "C" not null,
    events bigint not null,
    -- Of new orders their totals; of paid, refunded and payment what was paid or given back.
    amount numeric not null,
    unusable_amounts bigint not null,
    primary key (tenant, day, stage, channel, currency)
);

-- conversation-analytics: conversations as they stand.
create table apus.conversations (
    tenant text collate "C" not null,
    conversation_id text collate "C" not null,
    channel text collate "C",
    user_id text collate "C",
    started_at timestamptz,
    ended_at timestamptz,
    end_reason text collate "C",
    duration_seconds bigint,
    satisfaction numeric,
    received bigint not null,
    sent bigint not null,
    failed bigint not null,
    delivered bigint not null,
    context_updates bigint not null,
    -- Of the event that ended it last.
    ended_position bigint,
    primary key (tenant, conversation_id)
);

create table apus.conversation_days (
    tenant text collate "C" not null,
    day date not null,
    channel text collate "C" not null,
    started bigint not null,
    ended bigint not null,
    completed bigint not null,
    abandoned bigint not null,
    escalated bigint not null,
    timed_out bigint not null,
    received bigint not null,
    sent bigint not null,
    failed bigint not null,
    delivered bigint not null,
    -- Sums over those that ended, and how many of them were rated.
    duration_seconds numeric not null,
    satisfaction numeric not null,
    rated bigint not null,
    unusable_ratings bigint not null,
    primary key (tenant, day, channel)
);

-- Quality of answers, as analytics.conversation tells it.
create table apus.conversation_quality (
    tenant text collate "C" not null,
    day date not null,
    measure text collate "C" not null,
    scores bigint not null,
    score numeric not null,
    unusable_scores bigint not null,
    primary key (tenant, day, measure)
);

-- behavior-analytics: what users did.
create table apus.behavior_days (
    tenant text collate "C" not null,
    day date not null,
    behavior_type text collate "C" not null,
    page text collate "C" not null,
    element text collate "C" not null,
    events bigint not null,
    -- Events that bore a number, and its sum; yes is 1, no is 0.
    measured bigint not null,
    value numeric not null,
    unusable_values bigint not null,
    primary key (tenant, day, behavior_type, page, element)
);

create table apus.session_days (
    tenant text collate "C" not null,
    day date not null,
    channel text collate "C" not null,
    started bigint not null,
    ended bigint not null,
    duration_seconds numeric not null,
    primary key (tenant, day, channel)
);

-- Who was there.
create table apus.active_users (
    tenant text collate "C" not null,
    day date not null,
    user_id text collate "C" not null,
    primary key (tenant, day, user_id)
);
