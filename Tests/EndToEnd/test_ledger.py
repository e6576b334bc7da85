"""The ledger of failures only: what it keeps, and what does not come from it."""

import json

import pytest
from apus.v1 import lookup_pb2

from clients import Client, eventually
from events import event, lead, payload
from receivers import Receiver, new_secret

FAILED = lookup_pb2.EVENT_STATUS_FAILED
PROCESSED = lookup_pb2.EVENT_STATUS_PROCESSED
DEAD_LETTERED = lookup_pb2.DELIVERY_OUTCOME_DEAD_LETTERED


@pytest.fixture
def bad():
    receiver = Receiver(410)
    yield receiver
    receiver.close()


@pytest.fixture(params=["flag", "variable", "file", "flag over file"])
def told(request, tmp_path, bad):
    """Arguments and environment of a node that keeps failures only."""
    file = {"webhooks": [{
        "name": "bad", "url": bad.url(), "types": ["order.*"], "secrets": [new_secret()],
        "allowPrivateAddresses": True,
    }]}
    flags, environment = [], {}
    if request.param == "flag":
        flags = ["--ledger", "failures"]
    elif request.param == "variable":
        environment = {"APUS_LEDGER": "failures"}
    elif request.param == "file":
        file["ledger"] = "failures"
    else:
        file["ledger"] = "all"
        flags = ["--ledger", "failures"]
    path = tmp_path / "apus.yaml"
    path.write_text(json.dumps(file))
    return ["--config", path, *flags], environment


def test_what_ended_well_leaves_no_row_and_is_processed_all_the_same(told, start_node):
    arguments, environment = told
    node = start_node(*arguments, environment=environment)
    with Client(node, "acme") as client:
        good = client.publish_one(lead()).event_id
        order = event(payload("order.created", order_id="1"))
        failed = client.publish_one(order).event_id
        answer = client.processed(good)
        assert list(answer.deliveries) == []

        def settled():
            answer = client.get(failed)
            return answer if answer.status == FAILED else None

        answer = eventually(settled, "the order failed")
        assert [(d.consumer, d.outcome) for d in answer.deliveries] == [
            ("webhook/bad", DEAD_LETTERED)]
        listed = {e.event.id: e.status for e in client.list("lead.*", "order.*").events}
        assert listed == {good: PROCESSED, failed: FAILED}
    with node.sql() as sql:
        shown = dict(sql.execute(
            "select id::text, status from public.events where type in ('lead.created',"
            " 'order.created')").fetchall())
        assert shown == {good: "processed", failed: "failed"}
        assert sql.execute(
            "select count(*) from apus.ledger where outcome in (2, 3)").fetchone() == (0,)
    # Runs are counted whether they leave a row or not.
    handlers = json.loads("[" + ",".join(
        node.apus("handlers", "list", "--json").stdout.splitlines()) + "]")
    (leads,) = [h for h in handlers if h["name"] == "lead-analytics"]
    assert leads["succeeded"] == "1"


def test_without_it_all_is_kept(start_node):
    node = start_node()
    with Client(node, "acme") as client:
        answer = client.processed(client.publish_one(lead()).event_id)
        assert len(answer.deliveries) == 1
