"""Publish: what the service fills in where the client left a field empty."""

import time
import uuid

from apus.v1 import event_kind_pb2, event_pb2
from clients import Client, new_id
from events import CATALOGUE, event, lead


def published(client, an_event, **options):
    return client.get(client.publish_one(an_event, **options).event_id).event


def test_an_empty_id_becomes_a_uuid_of_version_7(client):
    result = client.publish_one(lead())
    made = uuid.UUID(result.event_id)
    assert str(made) == result.event_id and made.version == 7
    assert abs((made.int >> 80) / 1000 - time.time()) < 60
    assert client.get(result.event_id).event.id == result.event_id


def test_an_id_in_upper_case_is_kept_in_lower_case(client):
    id = new_id()
    assert client.publish_one(lead(id=id.upper())).event_id == id
    assert client.get(id).event.id == id
    assert client.get(id.upper()).event.id == id


def test_type_version_and_kind_come_from_the_message_that_data_names(client):
    kept = published(client, lead())
    assert (kept.type, kept.version) == ("lead.created", 1)
    assert kept.kind == event_kind_pb2.EVENT_KIND_DOMAIN
    assert published(client, event(CATALOGUE["system.error", 1]())).kind == \
        event_kind_pb2.EVENT_KIND_SYSTEM
    assert published(client, event(CATALOGUE["integration.api_call", 1]())).kind == \
        event_kind_pb2.EVENT_KIND_INTEGRATION


def test_the_kind_can_be_told_by_the_client(client):
    kept = published(client, lead(kind=event_kind_pb2.EVENT_KIND_INTEGRATION))
    assert kept.kind == event_kind_pb2.EVENT_KIND_INTEGRATION


def test_an_empty_tenant_becomes_the_callers(client):
    assert published(client, lead()).tenant_id == client.tenant


def test_an_empty_partition_key_becomes_the_subject_or_else_the_tenant(client):
    assert published(client, lead(subject="lead/1")).partition_key == "lead/1"
    assert published(client, lead()).partition_key == client.tenant
    assert published(client, lead(subject="s", partition_key="k")).partition_key == "k"


def test_an_empty_time_becomes_the_time_of_receipt(client):
    before = time.time()
    kept = published(client, lead())
    occurred = kept.occurred_at.seconds + kept.occurred_at.nanos / 1e9
    assert before - 1 <= occurred <= time.time() + 1


def test_an_empty_correlation_id_becomes_the_events_own_id(client):
    kept = published(client, lead())
    assert kept.metadata.correlation_id == kept.id
    told = lead(metadata=event_pb2.EventMetadata(correlation_id="theirs"))
    assert published(client, told).metadata.correlation_id == "theirs"


def test_address_user_agent_and_trace_come_from_the_call(node, tenant):
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    with Client(node, tenant, **{"grpc.primary_user_agent": "crm/7"}) as client:
        kept = published(client, lead(), metadata=[("traceparent", trace)])
    assert kept.metadata.ip_address == "127.0.0.1"
    assert kept.metadata.user_agent.startswith("crm/7 grpc-python/")
    assert kept.metadata.traceparent == trace


def test_address_user_agent_and_trace_told_by_the_client_stay(client):
    told = event_pb2.EventMetadata(
        ip_address="2001:db8::1", user_agent="phone",
        traceparent="00-11111111111111111111111111111111-2222222222222222-00",
    )
    other = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    kept = published(client, lead(metadata=told), metadata=[("traceparent", other)]).metadata
    assert (kept.ip_address, kept.user_agent) == ("2001:db8::1", "phone")
    assert kept.traceparent == told.traceparent
