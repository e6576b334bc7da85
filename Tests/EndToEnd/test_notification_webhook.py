"""Notifications to a real HTTP server: what it gets, how it is signed, what follows its answers."""

import json
import signal

import pytest
from apus.v1 import lookup_pb2

from clients import Client, eventually
from events import event, payload
from receivers import new_secret, unavailable

FAILED = lookup_pb2.EVENT_STATUS_FAILED
TEMPLATES = [
    {"name": "gone", "type": "order.status_changed", "status": "shipped",
     "to": "{order.customer.email}", "title": "Order {order.number}",
     "text": "Dear {order.customer.name}, it left."},
    {"name": "back", "type": "order.status_changed", "status": "returned", "title": "It is back"},
    {"name": "paid", "type": "order.paid", "title": "Order {order_id}: {amount}"},
]


class Told:
    """A node whose notifications go where a test says."""

    def __init__(self, path, start_node):
        self.path = path
        self.start_node = start_node
        self.node = None

    def write(self, url, secrets, **webhook):
        retry = {"firstDelay": "10ms", "maxDelay": "20ms", "maxAttempts": 4}
        webhook = {"url": url, "secrets": secrets, "allowPrivateAddresses": True, **webhook}
        self.path.write_text(json.dumps({
            "handlers": {"notification": {"retry": retry}},
            "notifications": {"sink": "webhook", "webhook": webhook, "templates": TEMPLATES},
        }))

    def start(self, url, secrets, **webhook):
        self.write(url, secrets, **webhook)
        self.node = self.start_node("--config", self.path)
        return Client(self.node, "acme")

    def reload(self, url, secrets, **webhook):
        self.write(url, secrets, **webhook)
        self.node.process.send_signal(signal.SIGHUP)
        eventually(lambda: "Configuration reloaded" in self.node.read_log(), "reloaded")


@pytest.fixture
def told(tmp_path, start_node):
    return Told(tmp_path / "apus.yaml", start_node)


def changed(status):
    order = {"number": "7", "customer": {"name": "<i>Eve</i>", "email": "eve@example.org"}}
    return event(payload("order.status_changed", order_id="1", new_status=status, order=order))


def paid(order="1"):
    return event(payload("order.paid", order_id=order, amount={"currency_code": "EUR", "units": 5}))


def failed(client, id):
    return eventually(lambda: client.get(id).status == FAILED, f"{id} has failed")


def of_notification(client, id):
    """The attempts to tell people of an event, oldest first."""
    deliveries = client.get(id).deliveries
    return [d for d in reversed(deliveries) if d.consumer == "handler/notification"]


def test_a_message_is_chosen_by_type_and_status_and_signed(told, receive):
    receiver, secret = receive(), new_secret()
    with told.start(receiver.url(), [secret], headers={"X-Team": "sales"}) as client:
        # Of the first no template tells.
        results = client.publish(changed(2), changed(4), changed(7), paid())
        for result in results:
            client.processed(result.event_id)
        messages = {}
        for _ in range(3):
            delivery = receiver.next()
            assert delivery.is_signed_by(secret) and not delivery.is_signed_by(new_secret())
            assert delivery.path == "/hook" and delivery.headers["x-team"] == "sales"
            assert delivery.headers["content-type"] == "application/json"
            assert delivery.headers["webhook-id"] == delivery.json["id"]
            messages[delivery.json["template"]] = delivery.json
        assert receiver.deliveries.empty()
    assert messages["gone"] == {
        "id": f"handler/notification/{results[1].position}/{results[1].event_id}",
        "tenant": "acme",
        "event_id": results[1].event_id, "event_type": "order.status_changed",
        "template": "gone", "to": "eve@example.org", "title": "Order 7",
        "text": "Dear <i>Eve</i>, it left.", "html": "Dear &lt;i&gt;Eve&lt;/i&gt;, it left.",
    }
    assert messages["back"]["event_id"] == results[2].event_id
    assert messages["paid"]["title"] == "Order 1: EUR 5"


def test_a_failure_that_may_pass_is_tried_again_with_the_same_id(told, receive):
    receiver = receive([503, unavailable(1), 200])
    with told.start(receiver.url(), [new_secret()]) as client:
        id = client.publish_one(paid()).event_id
        client.processed(id)
        first, second, third = (receiver.next() for _ in range(3))
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert first.body == second.body == third.body
        # As the receiver asked for.
        assert third.at - second.at >= 1
        outcomes = [d.outcome for d in of_notification(client, id)]
        assert outcomes == [lookup_pb2.DELIVERY_OUTCOME_FAILED] * 2 + [
            lookup_pb2.DELIVERY_OUTCOME_SUCCEEDED]


def test_what_is_refused_is_a_dead_letter_until_it_is_tried_again(told, receive):
    receiver = receive([410, 200])
    with told.start(receiver.url(), [new_secret()]) as client:
        id = client.publish_one(paid()).event_id
        failed(client, id)
        refused = receiver.next()
        listed = told.node.apus(
            "dead-letters", "list", "--consumer", "handler/notification", tenant="acme")
        assert id in listed.stdout
        told.node.apus("dead-letters", "retry", "--consumer", "handler/notification", tenant="acme")
        client.processed(id)
        assert receiver.next().headers["webhook-id"] == refused.headers["webhook-id"]


def test_nothing_is_sent_to_a_private_address(told, receive):
    receiver = receive()
    url = receiver.url(host="localhost")
    with told.start(url, [new_secret()], allowPrivateAddresses=False) as client:
        id = client.publish_one(paid()).event_id
        failed(client, id)
        assert len(of_notification(client, id)) >= 1
        assert "is at an address that is not of the public internet" in told.node.read_log()
    assert receiver.deliveries.empty() and receiver.connections == 0


def test_the_receiver_changes_under_a_running_node(told, receive):
    old, new, secret = receive(), receive(), new_secret()
    with told.start(old.url(), [new_secret()]) as client:
        client.processed(client.publish_one(paid("1")).event_id)
        assert old.next().json["title"].startswith("Order 1:")
        told.reload(new.url("/new"), [secret])
        client.processed(client.publish_one(paid("2")).event_id)
        delivery = new.next()
        assert delivery.path == "/new" and delivery.is_signed_by(secret)
        assert delivery.json["title"].startswith("Order 2:")
    assert old.deliveries.empty()
    assert "counts after a restart" not in told.node.read_log()


def test_a_replay_sends_a_message_again_only_when_asked_to(told, receive):
    receiver = receive()
    with told.start(receiver.url(), [new_secret()]) as client:
        id = client.publish_one(paid()).event_id
        client.processed(id)
        first = receiver.next()
        client.replay_done(client.replay([id]).replay_id)
        assert receiver.deliveries.empty()
        client.replay_done(client.replay([id], allow_side_effects=True).replay_id)
        assert receiver.next().headers["webhook-id"] == first.headers["webhook-id"]
