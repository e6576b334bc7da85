"""Handlers that speak: notifications by template, and the autopilot that a new lead sets off."""

import json
import re

import pytest

from clients import Client, eventually
from events import event, lead, payload
from nodes import run_apus

CONFIGURATION = """
handlers:
  lead-autopilot: {enabled: true}
notifications:
  sink: log
  templates:
    - {name: gone, type: order.status_changed, status: shipped, to: "{order.customer.email}",
       title: "Order {order.number}", text: "Dear {order.customer.name}, it left."}
    - {name: lead, type: lead.created, title: "Lead {lead_id} of {source}"}
"""


@pytest.fixture
def speaking(start_node, tmp_path):
    path = tmp_path / "apus.yaml"
    path.write_text(CONFIGURATION)
    node = start_node("--config", path, "--log-format", "json")
    with Client(node, "acme") as client:
        yield node, client


def notifications(node):
    """The messages in the node's log, by template."""
    records = (json.loads(line) for line in node.read_log().splitlines() if line.startswith("{"))
    messages = [json.loads(r["notification.message"]) for r in records
                if r["message"] == "Notification"]
    return {m["template"]: m for m in messages}


def changed(status):
    order = {"number": "7", "customer": {"name": "<i>Eve</i>\n", "email": "eve@example.org"}}
    return event(payload("order.status_changed", order_id="1", new_status=status, order=order))


def test_a_template_is_chosen_by_type_and_status_and_no_value_is_markup(speaking):
    node, client = speaking
    paid, shipped = client.publish(changed(2), changed(4))
    assert client.processed(shipped.event_id).deliveries
    client.processed(paid.event_id)
    told = eventually(lambda: notifications(node), "it is told")
    assert list(told) == ["gone"]
    message = told["gone"]
    assert message["to"] == "eve@example.org" and message["title"] == "Order 7"
    assert message["text"] == "Dear <i>Eve</i> , it left."
    assert message["html"] == "Dear &lt;i&gt;Eve&lt;/i&gt;<br>\n, it left."
    assert message["tenant"] == "acme" and message["event_id"] == shipped.event_id
    assert re.fullmatch(rf"handler/notification/\d+/{shipped.event_id}", message["id"])


def test_a_replay_tells_nobody_unless_asked_to(speaking):
    node, client = speaking
    id = client.publish_one(changed(4)).event_id
    client.processed(id)
    answer = client.replay([id], dry_run=True)
    (target,) = [t for t in answer.targets if t.handler == "notification"]
    assert target.skipped_reason


def test_a_new_lead_sets_off_the_autopilot_once(speaking):
    node, client = speaking
    first = client.publish_one(lead("42", "crm"))
    client.processed(first.event_id)
    stored = [d.event for d in client.history()]
    assert [e.type for e in stored] == ["lead.created", "autopilot.triggered"]
    triggered = payload("autopilot.triggered")
    assert stored[1].data.Unpack(triggered)
    assert (triggered.lead_id, triggered.trigger, triggered.source) == ("42", "lead.created", "crm")
    assert stored[1].metadata.causation_id == first.event_id
    assert stored[1].metadata.correlation_id == stored[0].metadata.correlation_id
    assert stored[1].subject == "lead/42"
    # A replay runs the handler again, and stores nothing.
    done = client.replay_done(client.replay([first.event_id]).replay_id)
    assert [t.done for t in done.targets if t.handler == "lead-autopilot"] == [1]
    assert len(client.history()) == 2


def test_faults_of_templates_are_told_with_their_places(tmp_path):
    path = tmp_path / "apus.yaml"
    path.write_text(CONFIGURATION.replace("{order.number}", "{order number}")
                    .replace("status: shipped", "status: gone"))
    told = run_apus("config", "check", path, check=False)
    assert told.returncode == 1
    for field in ("notifications.templates[0].title", "notifications.templates[0].status"):
        assert field in told.stdout + told.stderr
