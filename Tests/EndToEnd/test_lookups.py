"""GetEvent: an event with its status and its ledger."""

import grpc
import pytest

from apus.v1 import event_service_pb2_grpc, filter_pb2, lookup_pb2
from clients import eventually, new_id
from events import lead, note, unhandled
from problems import bad_fields, refused


def test_a_handled_event_is_processed_and_the_ledger_says_by_whom(client):
    result = client.publish_one(lead())
    answer = client.processed(result.event_id)
    assert answer.event.id == result.event_id
    assert answer.processed_at.seconds >= answer.event.recorded_at.seconds
    assert not answer.error_message and not answer.deliveries_truncated
    (record,) = [d for d in answer.deliveries if d.consumer == "handler/lead-analytics"]
    assert record.outcome == lookup_pb2.DELIVERY_OUTCOME_SUCCEEDED
    assert record.attempt == 1
    assert record.started_at.seconds >= answer.event.recorded_at.seconds - 1
    assert record.HasField("duration") and record.duration.seconds < 10
    assert not record.error_message and not record.retry_required and not record.replay_id
    assert record.node


def test_an_event_is_never_processed_before_its_ledger_says_so(client):
    for _ in range(50):
        id = client.publish_one(lead()).event_id
        assert [d.consumer for d in client.processed(id).deliveries] == ["handler/lead-analytics"]


def test_a_new_event_is_pending_processing_or_processed_never_failed(client):
    for _ in range(20):
        id = client.publish_one(lead()).event_id
        assert client.get(id).status in (
            lookup_pb2.EVENT_STATUS_PENDING,
            lookup_pb2.EVENT_STATUS_PROCESSING,
            lookup_pb2.EVENT_STATUS_PROCESSED,
        )
    client.processed(id)


def test_an_event_that_no_handler_wants_is_processed(client):
    answer = client.processed(client.publish_one(unhandled()).event_id)
    assert not answer.deliveries


def test_an_unknown_event_is_not_found(client):
    id = new_id()
    problem = refused(grpc.StatusCode.NOT_FOUND, client.get, id)
    assert problem.resource.resource_name == id


def test_another_tenants_event_is_not_found(node, client, new_client):
    id = client.publish_one(note()).event_id
    other = new_client(node, client.tenant + "b")
    problem = refused(grpc.StatusCode.NOT_FOUND, other.get, id)
    assert problem.resource.resource_name == id
    unknown = refused(grpc.StatusCode.NOT_FOUND, other.get, new_id())
    assert problem.message.replace(id, "") == \
        unknown.message.replace(unknown.resource.resource_name, ""), "it betrays nothing"


def test_an_event_is_found_by_its_id_in_upper_case(client):
    id = client.publish_one(note()).event_id
    assert client.get(id.upper()).event.id == id


@pytest.mark.parametrize("id", ["", "42", "x" * 36, "0b0f7e5e-8f5e-4a53-9d5f-0a6f3c1d2e4b "])
def test_an_id_that_is_no_uuid_is_refused(client, id):
    assert bad_fields(client.get, id) == ["id"]


def test_the_own_tenant_may_be_named(client):
    id = client.publish_one(note()).event_id
    assert client.get(id, tenant_id=client.tenant).event.id == id


def test_a_failed_run_is_recorded_without_its_cause_and_stops_nobody(start_node, new_client):
    node = start_node()
    with node.sql() as sql:
        sql.execute("alter table apus.leads add constraint no check (lead_id <> 'poison')")
    client = new_client(node, "acme")
    first, poison, last = client.publish(lead("1"), lead("poison"), lead("2"))
    client.processed(first.event_id)
    client.processed(last.event_id)

    failed = [lookup_pb2.EVENT_STATUS_FAILED]
    eventually(lambda: client.list(statuses=failed).events, "the poison has failed")
    answer = client.get(poison.event_id)
    assert answer.status == lookup_pb2.EVENT_STATUS_FAILED
    record = answer.deliveries[-1]
    assert record.consumer == "handler/lead-analytics"
    assert record.outcome in (
        lookup_pb2.DELIVERY_OUTCOME_FAILED, lookup_pb2.DELIVERY_OUTCOME_DEAD_LETTERED
    )
    for text in (answer.error_message, record.error_message):
        assert text and not any(w in text for w in ("poison", "leads", "constraint", "23514"))
    reference = answer.error_message.split()[-1].strip("().")
    assert reference in node.read_log(), "the operator finds the cause by the reference"
    assert [e.event.id for e in client.list(statuses=failed).events] == [poison.event_id]

    with node.sql() as sql:
        sql.execute("alter table apus.leads drop constraint no")
    replayed = client.replay_done(client.replay([poison.event_id]).replay_id)
    assert replayed.targets[0].done == 1 and replayed.targets[0].failed == 0
    records = client.get(poison.event_id).deliveries
    assert [d.outcome for d in records if d.replay_id] == [lookup_pb2.DELIVERY_OUTCOME_SUCCEEDED]
    with node.sql() as sql:
        assert sql.execute("select sum(leads) from apus.lead_funnel").fetchone() == (3,)


def test_a_look_up_does_not_wait_for_pages(start_node, new_client):
    node = start_node()
    client = new_client(node, "acme")
    id = client.publish_one(note()).event_id
    client.get(id)
    request = lookup_pb2.ListEventsRequest(filter=filter_pb2.Filter(types=["chat.*"]))
    with node.sql() as sql, node.channel() as channel:
        # Patterns are looked up there, and nothing else is.
        sql.execute("begin; lock table apus.types in access exclusive mode")
        stub = event_service_pb2_grpc.EventServiceStub(channel)
        # More than there is room for.
        listings = [
            stub.ListEvents.future(request, metadata=(("x-tenant-id", "acme"),)) for _ in range(12)
        ]
        waits = ("select count(*) from pg_locks "
                 "where relation = 'apus.types'::regclass and not granted")
        eventually(lambda: sql.execute(waits).fetchone()[0] >= 3, "pages are being read")
        assert client.get(id).event.id == id
        assert not any(listing.done() for listing in listings)
        sql.execute("commit")
        for listing in listings:
            assert listing.result() is not None
