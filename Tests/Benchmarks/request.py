"""The requests of the benchmarks: an event as a client publishes it, with gRPC's prefix."""

import sys

from measuring import TOP

sys.path.insert(0, str(TOP / "Tests" / "EndToEnd"))

import stubs  # noqa: E402, F401  (first: it puts the generated code on the path)
from apus.events.integration.v1 import integration_events_pb2  # noqa: E402
from apus.events.lead.v1 import lead_events_pb2  # noqa: E402
from apus.v1 import event_pb2, publish_pb2, subscribe_pb2  # noqa: E402
from google.protobuf import any_pb2  # noqa: E402

SIZE = 300


def framed(message):
    encoded = message.SerializeToString()
    return b"\0" + len(encoded).to_bytes(4, "big") + encoded


def framed_publish(size, events=1, handled=False):
    """A PublishRequest; each of its events has so many bytes of payload. Of the yardstick's rows, too,
    nothing is computed: the events are of a type that no projection counts, unless they are to be
    `handled`."""
    event = event_pb2.Event(subject="lead/4711")
    if handled:
        payload = lead_events_pb2.LeadCreated(lead_id="4711")
        payload.source = "v" * (size - payload.ByteSize() - 3)
    else:
        payload = integration_events_pb2.WebhookReceived(webhook_source="load")
        payload.webhook_id = "v" * max(0, size - payload.ByteSize() - 3)
    event.data.Pack(payload)
    return framed(publish_pb2.PublishRequest(events=[event] * events))


def framed_subscribe(**fields):
    return framed(subscribe_pb2.SubscribeRequest(**fields))


def framed_request():
    """An Event of ``SIZE`` bytes."""
    event = event_pb2.Event(
        source="crm-frontend", subject="lead/4711",
        metadata=event_pb2.EventMetadata(
            correlation_id="3f0c2a9e-4e0b-7c1d-8a2f-0d1e2f3a4b5c", request_id="req-0012345",
            user_id="user-77", channel="whatsapp",
        ),
        data=any_pb2.Any(type_url="type.googleapis.com/apus.events.message.v1.MessageSent"),
    )
    while event.ByteSize() < SIZE:
        event.data.value += b"v"
    return framed(event)
