"""Subscribe: which events a filter lets through, in history and live."""

import pytest

from apus.v1 import event_kind_pb2
from events import CATALOGUE, event
from problems import bad_fields

ALL = sorted({type for type, _ in CATALOGUE})


@pytest.fixture
def one_of_each(client):
    """One event of every type, with a subject and a source that can be told apart."""

    def publish():
        return client.publish(*[
            event(CATALOGUE[type, 1](), subject=f"{type}/ä/1", source=type.split(".")[0])
            for type in ALL
        ])

    return publish


PATTERNS = {
    ("lead.created",): lambda t: t == "lead.created",
    ("order.*",): lambda t: t.startswith("order.") and t.count(".") == 1,
    ("chat.*",): lambda t: False,
    ("chat.**",): lambda t: t.startswith("chat."),
    ("chat.message.*",): lambda t: t.startswith("chat.message."),
    ("chat.*.started",): lambda t: t == "chat.conversation.started",
    ("*.created",): lambda t: t in ("lead.created", "order.created"),
    ("*.*",): lambda t: t.count(".") == 1,
    ("*.*.*",): lambda t: t.count(".") == 2,
    ("*",): lambda t: False,
    ("**",): lambda t: True,
    ("integration.**",): lambda t: t.startswith("integration."),
    ("integration.*",): lambda t: t == "integration.api_call",
    ("lead.created.**",): lambda t: False,
    ("lead.**", "order.paid"): lambda t: t.startswith("lead.") or t == "order.paid",
    ("no.such",): lambda t: False,
    (): lambda t: True,
}
SYSTEM, INTEGRATION = event_kind_pb2.EVENT_KIND_SYSTEM, event_kind_pb2.EVENT_KIND_INTEGRATION
FILTERS = [({"types": types}, wanted) for types, wanted in PATTERNS.items()] + [
    ({"subject_prefix": "lead."}, lambda t: t.startswith("lead.")),
    ({"subject_prefix": "order.paid/ä/1"}, lambda t: t == "order.paid"),
    ({"subject_prefix": "order.paid/ä/11"}, lambda t: False),
    ({"subject_prefix": "%"}, lambda t: False),
    ({"subject_prefix": "order_paid"}, lambda t: False),
    ({"sources": ["lead"]}, lambda t: t.startswith("lead.")),
    ({"sources": ["lead", "order"]}, lambda t: t.split(".")[0] in ("lead", "order")),
    ({"sources": ["LEAD"]}, lambda t: False),
    ({"kinds": [SYSTEM]}, lambda t: t.startswith("system.")),
    ({"kinds": [SYSTEM, INTEGRATION]}, lambda t: t.split(".")[0] in ("system", "integration")),
    ({"types": ["order.*"], "subject_prefix": "order.p"}, lambda t: t == "order.paid"),
    ({"types": ["order.*"], "sources": ["lead"]}, lambda t: False),
]


def told(deliveries):
    return [d.event.type for d in deliveries]


@pytest.mark.parametrize("filter, wanted", FILTERS, ids=[str(f)[:60] for f, _ in FILTERS])
def test_a_filter_lets_the_same_events_through_in_history_and_in_lists(
    client, one_of_each, filter, wanted
):
    one_of_each()
    expected = [t for t in ALL if wanted(t)]
    assert told(client.history(filter=filter)) == expected
    assert told(client.list(filter=filter, oldest_first=True).events) == expected


def test_every_filter_lets_the_same_events_through_live(client, one_of_each):
    one_of_each()
    readings = [client.live(filter=filter, heartbeat=1) for filter, _ in FILTERS]
    for _ in range(2):
        last = one_of_each()[-1].position
        for reading, (filter, wanted) in zip(readings, FILTERS):
            assert told(reading.up_to(last)) == [t for t in ALL if wanted(t)], filter


@pytest.mark.parametrize("filter, field", [
    ({"types": ["lead.created", "Lead.*"]}, "filter.types[1]"),
    ({"types": [""]}, "filter.types[0]"),
    ({"types": ["lead.**.x"]}, "filter.types[0]"),
    ({"types": ["lead.cre*"]}, "filter.types[0]"),
    ({"types": ["lead."]}, "filter.types[0]"),
    ({"kinds": [77]}, "filter.kinds[0]"),
    ({"kinds": [0]}, "filter.kinds[0]"),
    ({"tenants": ["a b"]}, "filter.tenants[0]"),
    ({"subject_prefix": "x" * 513}, "filter.subject_prefix"),
    ({"subject_prefix": "\0"}, "filter.subject_prefix"),
], ids=lambda value: str(value)[:40])
def test_a_wrong_filter_is_refused_naming_the_field(client, filter, field):
    assert bad_fields(client.subscribe, filter=filter) == [field]
    assert bad_fields(client.list, filter=filter) == [field]


def test_a_filter_never_lets_another_tenants_event_through(node, client, new_client):
    other = new_client(node, client.tenant + "b")
    reading = client.live(heartbeat=0.1)
    other.publish(event(CATALOGUE["lead.created", 1]()))
    mine = client.publish_one(event(CATALOGUE["lead.created", 1]()))
    last = other.publish_one(event(CATALOGUE["lead.created", 1]()))
    assert [d.event.id for d in reading.up_to(last.position)] == [mine.event_id]
    assert len(client.history("**")) == 1
