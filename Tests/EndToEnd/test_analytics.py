"""The projections that ship: events published from Python, tables read as an analyst would."""

import subprocess

import pytest

from clients import eventually
from events import event, payload
from google.protobuf import struct_pb2, timestamp_pb2
from nodes import run_apus

DAY = timestamp_pb2.Timestamp(seconds=1_700_000_000)  # 2023-11-14 22:13:20 UTC


def told(type, **fields):
    return event(payload(type, **fields), occurred_at=DAY)


def euros(units, nanos=0):
    return {"currency_code": "EUR", "units": units, "nanos": nanos}


@pytest.fixture
def rows(node, client):
    """Publishes events, waits until they are handled, and asks psql."""

    def ask(query, *events):
        for result in client.publish(*events) if events else ():
            client.processed(result.event_id)
        query = query.replace("TENANT", f"'{client.tenant}'")
        told = subprocess.run(
            ["psql", "-XAt", "-v", "ON_ERROR_STOP=1", node.database, "-c", query],
            capture_output=True, text=True, check=True, timeout=60,
        )
        return told.stdout.splitlines()

    return ask


def test_message_slo_tells_latency_and_burn_by_channel(rows):
    def sent(latency, success=True):
        return told("message.sent", channel="sms", latency_ms=latency, success=success)

    events = [sent(n) for n in (10, 90, 4_000)] + [sent(60_001), sent(10, success=False)]
    assert rows(
        "select up_to_ms, messages, failed, latency_ms from apus.message_latency"
        " where tenant = TENANT and channel = 'sms' order by up_to_ms", *events,
    ) == ["50|2|1|20", "100|1|0|90", "5000|1|0|4000", "300000|1|0|60001"]
    assert rows(
        "select hour at time zone 'UTC', messages, failed, slow, within_ms, round(burn)"
        " from apus.message_slo where tenant = TENANT",
    ) == ["2023-11-14 22:00:00|5|1|1|5000|40"]


def test_autopilot_attribution_credits_a_conversion_to_the_last_action_before_it(rows):
    def acted(type, **fields):
        return told("autopilot.action_executed", action_type=type, model="m", **fields)

    events = [
        acted("mail", lead_id="1", cost=euros(0, 2_000_000), latency_ms=100),
        acted("call", lead_id="1", cost=euros(1), latency_ms=300),
        told("lead.converted", lead_id="1", value=euros(100)),
        acted("mail", lead_id="1", cost=euros(-1), latency_ms=300),
    ]
    assert rows(
        "select action_type, currency, actions, mean_latency_ms::int, cost::float, conversions,"
        " value::float, return::float from apus.autopilot_attribution where tenant = TENANT"
        " order by action_type, currency", *events,
    ) == ["call|EUR|1|300|1|1|100|99", "mail||1|300|0|0|0|0", "mail|EUR|1|100|0.002|0|0|-0.002"]
    assert rows(
        "select unusable_costs from apus.autopilot_actions where tenant = TENANT and currency = ''"
    ) == ["1"]


def test_the_sequence_funnel_counts_leads_once_and_executions_each_time(rows):
    def step(number, lead, outcome=1):
        return told("sequence.step_executed", sequence_id="welcome", step_id=f"s{number}",
                    step_number=number, lead_id=lead, outcome=outcome, latency_ms=5)

    events = [step(1, "a"), step(1, "b"), step(1, "a", 2), step(2, "a"), step(2, "a", 3)]
    assert rows(
        "select step_number, step_id, leads, executions, succeeded, failed, skipped, latency_ms"
        " from apus.sequence_funnel where tenant = TENANT order by 1", *events,
    ) == ["1|s1|2|3|2|1|0|15", "2|s2|1|2|1|0|1|10"]


def test_order_analytics_keeps_orders_as_they_stand_and_days_as_they_were(rows):
    order = {"channel": "web", "total": euros(20, 500_000_000)}
    events = [
        told("order.created", order_id="o", customer_id="c", order=order),
        told("order.paid", order_id="o", order=order, amount=euros(20, 500_000_000)),
        told("payment.processed", order_id="o", amount=euros(20, 500_000_000)),
        told("order.refunded", order_id="o", order=order, amount=euros(5)),
        told("order.refunded", order_id="o", order=order, amount=euros(-5)),
    ]
    assert rows(
        "select order_id, customer_id, channel, status, currency, total::float,"
        " paid_at at time zone 'UTC', shipped_at from apus.orders where tenant = TENANT", *events,
    ) == ["o|c|web|refunded|EUR|20.5|2023-11-14 22:13:20|"]
    assert rows(
        "select paid::float, payments::float, refunded::float from apus.order_money"
        " where tenant = TENANT"
    ) == ["20.5|20.5|5"]
    assert rows(
        "select day, stage, channel, currency, events, amount::float, unusable_amounts"
        " from apus.order_days where tenant = TENANT order by stage, currency"
    ) == [
        "2023-11-14|created|web|EUR|1|20.5|0", "2023-11-14|paid|web|EUR|1|20.5|0",
        "2023-11-14|payment|unknown|EUR|1|20.5|0", "2023-11-14|refunded|web||1|0|1",
        "2023-11-14|refunded|web|EUR|1|5|0",
    ]


def test_conversation_analytics_follows_conversations_and_rates_answers(rows):
    of = {"conversation_id": "k", "channel": "web"}
    events = [
        told("chat.conversation.started", user_id="u", **of),
        told("chat.message.received", user_id="u", **of),
        told("chat.message.sent", **of),
        told("chat.message.sent", delivery_status=5, **of),
        told("chat.message.delivered", **of),
        told("chat.conversation.context_updated", conversation_id="k"),
        told("chat.conversation.ended", end_reason=1, duration_seconds=60,
             satisfaction_score=4.5, **of),
        told("analytics.conversation", conversation_id="k",
             quality_scores={"tone": 0.5, "nan": float("nan")}),
    ]
    assert rows(
        "select channel, user_id, end_reason, duration_seconds, satisfaction::float, received,"
        " sent, failed, delivered, context_updates from apus.conversations where tenant = TENANT",
        *events,
    ) == ["web|u|completed|60|4.5|1|1|1|1|1"]
    assert rows(
        "select day, channel, started, ended, completed, received, sent, failed, delivered,"
        " duration_seconds, satisfaction::float, rated from apus.conversation_days"
        " where tenant = TENANT"
    ) == ["2023-11-14|web|1|1|1|1|1|1|1|60|4.5|1"]
    assert rows(
        "select measure, scores, score::float, unusable_scores from apus.conversation_quality"
        " where tenant = TENANT order by measure"
    ) == ["nan|0|0|1", "tone|1|0.5|0"]


def test_behavior_analytics_counts_what_users_do_and_who_they_are(rows):
    def did(number, user):
        made = told("analytics.user_behavior", behavior_type="dwell", page="/", element="hero",
                    value=struct_pb2.Value(number_value=number))
        made.metadata.user_id = user
        return made

    events = [
        did(1.5, "a"), did(2, "a"), did(float("inf"), "b"),
        told("chat.user.session_started", user_id="a", channel="web"),
        told("chat.user.session_ended", user_id="c", channel="web", duration_seconds=30),
    ]
    assert rows(
        "select behavior_type, page, element, events, measured, value::float, unusable_values"
        " from apus.behavior_days where tenant = TENANT", *events,
    ) == ["dwell|/|hero|3|2|3.5|1"]
    assert rows(
        "select day, channel, started, ended, duration_seconds::float from apus.session_days"
        " where tenant = TENANT"
    ) == ["2023-11-14|web|1|1|30"]
    assert rows(
        "select user_id from apus.active_users where tenant = TENANT order by 1"
    ) == ["a", "b", "c"]


def lines(*quantities):
    return [{"sku": sku, "quantity": quantity} for sku, quantity in quantities]


def test_inventory_reserves_what_there_is_and_records_what_is_short(rows):
    stock = ("select on_hand, reserved, available, wanted, unaccounted from apus.stock"
             " where tenant = TENANT and sku = 's'")
    kept = ("select order_id, state, reserved, short from apus.stock_lines"
            " where tenant = TENANT order by 1")

    def created(id, quantity):
        return told("order.created", order_id=id, order={"lines": lines(("s", quantity))})

    assert rows(stock, told("inventory.stock_received", sku="s", quantity=5)) == ["5|0|5|0|0"]
    assert rows(stock, created("1", 3), created("2", 3)) == ["5|5|0|6|0"]
    assert rows(kept) == ["1|open|3|0", "2|open|2|1"]
    # Cancelled twice, by both events that say so: given back once, to whom was short.
    cancelled = told("order.status_changed", order_id="1", new_status=6)
    assert rows(kept, cancelled, told("order.cancelled", order_id="1")) == [
        "1|released|0|0", "2|open|3|0"]
    assert rows(stock, told("order.shipped", order_id="2")) == ["2|0|2|0|0"]
    assert rows(stock, told("order.returned", order_id="2", returned_lines=lines(("s", 9)))) == [
        "5|0|5|0|0"]
    assert rows(stock, told("inventory.stock_adjusted", sku="s", delta=-7)) == ["0|0|0|0|2"]
    assert rows(stock, created("3", 1)) == ["0|0|0|1|2"]


def test_an_id_that_no_index_can_hold_fails_its_event_and_no_other(node, client):
    bad, good = client.publish(
        told("order.created", order_id="x" * 4_000), told("order.created", order_id="y"))
    client.processed(good.event_id)
    failed = eventually(
        lambda: [d for d in client.get(bad.event_id).deliveries
                 if d.consumer == "handler/order-analytics" and d.error_message],
        "it has failed")
    assert "xxx" not in failed[0].error_message
    assert "order_id has 4000 bytes, more than 512" in node.read_log()


def test_verify_checks_what_projections_counted(start_node, new_client):
    node = start_node()
    client = new_client(node, "acme")
    order = {"lines": lines(("s", 1))}
    for result in client.publish(
        told("order.created", order_id="1", order=order),
        told("sequence.step_executed", sequence_id="q", step_number=1, lead_id="l"),
    ):
        client.processed(result.event_id)
    assert run_apus("verify", "--database", node.database).stdout.endswith("; all is well\n")
    with node.sql() as sql:
        sql.execute("update apus.stock set wanted = 2")
        sql.execute("update apus.sequence_funnel set leads = 2")
    found = run_apus("verify", "--database", node.database, check=False).stdout.splitlines()
    assert found[0].startswith("sequence-funnel has 1 leads at step 1 of sequence q of tenant acme")
    assert found[1].startswith("inventory has lines of tenant acme that want 1 of s")
