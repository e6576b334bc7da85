"""What examples/ show, run as a reader would."""

import importlib
import os
import subprocess
import sys

import pytest

from events import CATALOGUE
from stubs import STUBS, TOP

PYTHON = TOP / "examples" / "python"


@pytest.fixture(scope="module")
def typed():
    sys.path.insert(0, str(PYTHON))
    return importlib.import_module("apus_client").events


def test_the_python_example_publishes_an_orders_life(node, client):
    told = subprocess.run(
        [sys.executable, PYTHON / "order.py", "--address", node.address, "--tenant",
         client.tenant, "--order", "9"],
        env={**os.environ, "PYTHONPATH": str(STUBS)}, check=True, capture_output=True, text=True,
        timeout=60,
    ).stdout.splitlines()
    assert [line.split()[1:] for line in told] == [
        ["inventory.stock_received", "sku/MUG"], ["order.created", "order/9"],
        ["order.paid", "order/9"], ["order.status_changed", "order/9"],
        ["order.shipped", "order/9"],
    ]
    stored = [delivery.event for delivery in client.history()]
    assert [event.type for event in stored] == [line.split()[1] for line in told]
    for event in stored:
        client.processed(event.id)
    with node.sql() as sql:
        assert sql.execute(
            "select status, total::text, customer_id from apus.orders where tenant = %s",
            [client.tenant]).fetchall() == [("shipped", "39.980000000", "7")]
        assert sql.execute(
            "select on_hand, available, shipped from apus.stock where tenant = %s",
            [client.tenant]).fetchall() == [(8, 8, 2)]


def test_every_type_has_a_factory_that_asks_for_what_is_required(typed):
    assert set(typed.types) == set(CATALOGUE)
    for (type, _), name in typed.types.items():
        with pytest.raises(TypeError, match="needs "):
            getattr(typed, name)()


def test_the_same_event_published_again_is_a_duplicate(typed, client):
    lead = typed.lead_created(lead_id="1", source="crm")
    assert lead.subject == "lead/1" and lead.type == "lead.created"
    first, second = client.publish_one(lead), client.publish_one(lead)
    assert second.duplicate and second.position == first.position
