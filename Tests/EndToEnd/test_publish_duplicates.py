"""Publish: the same id again."""

import concurrent.futures

import grpc
import pytest

from apus.v1 import event_kind_pb2, event_pb2
from clients import moment, new_id
from events import event, lead, payload
from problems import refused

FIRST = dict(
    subject="lead/1", partition_key="key", source="crm", occurred_at=moment(1_700_000_000, 7),
)


def sent(id, **changes):
    return lead(id=id, **{**FIRST, **changes})


def test_the_same_content_again_answers_with_the_first_position(client):
    id = new_id()
    first = client.publish_one(sent(id))
    client.publish(lead(), lead())
    again = client.publish_one(sent(id))
    assert (again.event_id, again.position, again.duplicate) == (id, first.position, True)
    assert not first.duplicate
    assert [d.event.id for d in client.history()].count(id) == 1


def test_the_same_event_twice_in_one_request_is_stored_once(client):
    id = new_id()
    one, two, other, three = client.publish(sent(id), sent(id), lead(), sent(id))
    assert [one.duplicate, two.duplicate, other.duplicate, three.duplicate] == \
        [False, True, False, True]
    assert one.position == two.position == three.position
    assert other.position == one.position + 1, "a duplicate takes no position"


def test_a_duplicate_beside_new_events_takes_no_position(client):
    id = new_id()
    first = client.publish_one(sent(id))
    a, again, b = client.publish(lead(), sent(id), lead())
    assert again.duplicate and again.position == first.position
    assert b.position == a.position + 1


def test_the_id_in_the_other_case_is_the_same_id(client):
    id = new_id()
    first = client.publish_one(sent(id))
    again = client.publish_one(sent(id.upper()))
    assert again.duplicate and again.position == first.position and again.event_id == id


def test_metadata_version_and_kind_are_not_content(client):
    id = new_id()
    first = client.publish_one(sent(id))
    again = client.publish_one(sent(
        id, version=1, kind=event_kind_pb2.EVENT_KIND_DOMAIN, tenant_id=client.tenant,
        metadata=event_pb2.EventMetadata(correlation_id="x", extra={"a": "b"}),
    ))
    assert again.duplicate and again.position == first.position
    assert client.get(id).event.metadata.correlation_id == id, "the first one stays"


@pytest.mark.parametrize("changes", [
    {"type": "lead.created"}, {"subject": "lead/2"}, {"subject": ""}, {"partition_key": "other"},
    {"partition_key": ""}, {"source": "web"}, {"occurred_at": moment(1_700_000_000, 8)},
    {"occurred_at": None}, {"lead_id": "43"},
], ids=lambda changes: "-".join(f"{k}={str(v).strip()}" for k, v in changes.items())[:40])
def test_other_content_under_the_same_id_is_refused(client, changes):
    """Content is what the client sent, before defaults: to say a default is other content."""
    id = new_id()
    first = client.publish_one(sent(id))
    fresh = new_id()
    problem = refused(
        grpc.StatusCode.ALREADY_EXISTS, client.publish, lead(id=fresh), sent(id, **changes)
    )
    assert problem.resource.resource_name == id
    refused(grpc.StatusCode.NOT_FOUND, client.get, fresh)
    assert client.publish_one(sent(id)).position == first.position


def test_data_of_another_type_under_the_same_id_is_refused(client):
    id = new_id()
    client.publish(event(payload("order.paid"), id=id))
    problem = refused(
        grpc.StatusCode.ALREADY_EXISTS, client.publish, event(payload("order.shipped"), id=id)
    )
    assert problem.resource.resource_name == id


def test_one_request_with_two_contents_for_an_id_is_refused_whole(client):
    id, fresh = new_id(), new_id()
    refused(
        grpc.StatusCode.ALREADY_EXISTS,
        client.publish, lead(id=fresh), sent(id), sent(id, source="web"),
    )
    assert client.history() == []
    assert not client.publish_one(sent(id, source="web")).duplicate


def test_the_same_id_in_another_tenant_is_another_event(node, client, new_client):
    id = new_id()
    first = client.publish_one(sent(id))
    other = new_client(node, client.tenant + "b")
    second = other.publish_one(sent(id, source="elsewhere"))
    assert not second.duplicate and second.position > first.position
    assert client.get(id).event.source == "crm"
    assert other.get(id).event.source == "elsewhere"


def test_of_many_publishing_one_id_at_once_exactly_one_stores_it(client):
    for _ in range(5):
        id = new_id()
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            results = list(pool.map(lambda _: client.publish_one(sent(id)), range(16)))
        assert [r.duplicate for r in results].count(False) == 1
        assert len({r.position for r in results}) == 1
