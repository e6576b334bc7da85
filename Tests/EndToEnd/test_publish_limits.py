"""Publish: how large and how odd an event may be, each refusal naming its field."""

import grpc
import pytest
from google.protobuf import struct_pb2

from apus.v1 import event_pb2, publish_pb2
from clients import moment, new_id
from events import CATALOGUE, event, lead, note, payload
from problems import bad_fields, refused

KIB, MIB = 1 << 10, 1 << 20


def padded(size, **fields):
    """An event whose data has `size` bytes."""
    made = note(**fields)
    rest = size - len(made.data.value) - 8
    made.data.value += b"\xc2\xbb\x01" + varint(rest) + b"x" * rest
    return made


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def extras(count, size):
    """Metadata with `count` entries of `size` bytes in all."""
    each = size // count
    values = {f"{n:04}": "v" * (each - 4) for n in range(count)}
    values["0000"] += "v" * (size - each * count)
    return event_pb2.EventMetadata(extra=values)


def test_an_event_of_almost_1_mib_is_stored_and_read_back(client):
    sent = padded(MIB - 4 * KIB, id=new_id())
    client.publish(sent)
    assert client.get(sent.id).event.data == sent.data
    assert client.history()[0].event.data == sent.data


def test_an_event_over_1_mib_is_refused(client):
    (field,) = bad_fields(client.publish, note(), padded(MIB + 4 * KIB))
    assert field.startswith("events[1]")


def test_a_request_of_almost_4_mib_is_stored(client):
    results = client.publish(*[padded(MIB - 16 * KIB) for _ in range(4)])
    assert len(results) == 4
    assert len(client.history()) == 4, "answers stay under 3 MiB each"


@pytest.mark.parametrize("count", [0, 1_001, 145_000])
def test_a_request_has_1_to_1000_events(client, count):
    call = client.channel.unary_unary("/apus.v1.EventService/Publish")
    with pytest.raises(grpc.RpcError) as raised:
        call(b"\x0a\x00" * count, timeout=10, metadata=client.metadata)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    if count < 2_000:
        assert f"must be 1 to 1000, not {count}" in raised.value.details()
    else:
        assert "of memory" in raised.value.details(), "before an event of it is looked at"


def test_a_request_over_4_mib_is_refused(client):
    with pytest.raises(grpc.RpcError) as raised:
        client.publish(*[padded(MIB - 4 * KIB) for _ in range(5)])
    # Over the service's limit, or already over the transport's.
    assert raised.value.code() in (
        grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED
    )
    assert client.history() == []
    assert client.publish_one(note()).position > 0, "the connection goes on"


def test_a_message_far_over_the_transports_limit_is_resource_exhausted(client):
    with pytest.raises(grpc.RpcError) as raised:
        client.publish(*[padded(MIB - 4 * KIB) for _ in range(24)])
    assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert client.publish_one(note()).position > 0, "the connection goes on"


def test_a_request_of_1000_events_is_stored_and_of_1001_refused(client):
    assert len(client.publish(*[note()] * 1000)) == 1000
    assert bad_fields(client.publish, *[note()] * 1001) == ["events"]
    assert len(client.history()) == 1000


def test_64_extras_of_16_kib_are_stored(client):
    sent = note(id=new_id(), metadata=extras(64, 16 * KIB))
    client.publish(sent)
    assert client.get(sent.id).event.metadata.extra == sent.metadata.extra


@pytest.mark.parametrize("metadata", [extras(65, 8 * KIB), extras(64, 16 * KIB + 1)],
                         ids=["65 entries", "over 16 KiB"])
def test_more_extras_are_refused(client, metadata):
    assert bad_fields(client.publish, note(metadata=metadata)) == ["events[0].metadata.extra"]


@pytest.mark.parametrize("name", ["subject", "partition_key", "source"])
def test_names_hold_512_bytes_not_characters(client, name):
    result = client.publish_one(note(**{name: "é" * 256}))
    assert getattr(client.get(result.event_id).event, name) == "é" * 256
    assert bad_fields(client.publish, note(**{name: "é" * 256 + "x"})) == [f"events[0].{name}"]


@pytest.mark.parametrize("type", [
    "lead", "Lead.created", "lead..created", ".lead.created", "lead.created.", "lead created.x",
    "lead.creáted", "lead.created.v1", "lead-created.x", "a." + "b" * 199, "lead.created\n",
])
def test_a_type_that_is_no_type_is_refused(client, type):
    assert bad_fields(client.publish, note(), lead(type=type)) == ["events[1].type"]


@pytest.mark.parametrize("fields, named", [
    ({"id": "42"}, "id"),
    ({"id": "{0b0f7e5e-8f5e-4a53-9d5f-0a6f3c1d2e4b}"}, "id"),
    ({"id": "0b0f7e5e8f5e4a539d5f0a6f3c1d2e4b0"}, "id"),
    ({"type": "no.such"}, "type"),
    ({"type": "order.created"}, "type"),
    ({"version": 99}, "version"),
    ({"tenant_id": "a b"}, "tenant_id"),
    ({"tenant_id": "x" * 65}, "tenant_id"),
    ({"subject": "a\0b"}, "subject"),
    ({"source": "\0"}, "source"),
    ({"partition_key": "\0"}, "partition_key"),
    ({"occurred_at": moment(253_402_300_800)}, "occurred_at"),
    ({"occurred_at": moment(-62_135_596_801)}, "occurred_at"),
    ({"occurred_at": moment(0, -1)}, "occurred_at"),
    ({"occurred_at": moment(0, 1_000_000_000)}, "occurred_at"),
    ({"metadata": event_pb2.EventMetadata(user_id="\0")}, "metadata.user_id"),
    ({"metadata": event_pb2.EventMetadata(extra={"a": "\0"})}, "metadata.extra"),
], ids=lambda value: str(value)[:40] if isinstance(value, str) else "")
def test_a_wrong_field_is_named(client, fields, named):
    (field,) = bad_fields(client.publish, note(), lead(**fields))
    # Of type and data that do not fit, either may be named.
    assert field.startswith((f"events[1].{named}", "events[1].data" if named == "type" else "-"))
    assert client.history() == []


@pytest.mark.parametrize("url", [
    "", "apus.events.lead.v1.LeadCreated", "example.com/apus.events.lead.v1.LeadCreated",
    "type.googleapis.com/", "type.googleapis.com/no.such.Message",
    "type.googleapis.com/apus.v1.Event", "type.googleapis.com/google.protobuf.Struct",
])
def test_data_must_name_a_message_of_the_catalogue(client, url):
    sent = lead()
    sent.data.type_url = url
    (field,) = bad_fields(client.publish, note(), sent)
    assert field == "events[1].data.type_url" if url else field.startswith("events[1].data")


def test_an_event_without_data_is_refused(client):
    (field,) = bad_fields(client.publish, event(None, type="lead.created"))
    assert field.startswith("events[0].data")


@pytest.mark.parametrize("value, named", [
    (b"\xff\xff\xff", "events[3].data"),
    (b"\x0a\x05ab", "events[3].data"),
    (b"\x0a\x02\xc3\x28", "events[3].data.lead_id"),
    (b"\x0a\x01\x00", "events[3].data.lead_id"),
], ids=["garbage", "cut short", "no UTF-8", "NUL"])
def test_data_that_does_not_match_its_schema_is_named(client, value, named):
    sent = lead()
    assert payload("lead.created").DESCRIPTOR.fields_by_number[1].name == "lead_id"
    sent.data.value = value
    (field,) = bad_fields(client.publish, note(), note(), note(), sent)
    assert field.startswith(named)


def nested(depth):
    """A google.protobuf.Struct in a Struct, and so on, as bytes."""
    prefixes, size = [], 0
    for _ in range(depth):
        value = b"\x2a" + varint(size)  # Value.struct_value
        entry = b"\x0a\x00\x12" + varint(len(value) + size)  # key "", value
        prefix = b"\x0a" + varint(len(entry) + len(value) + size) + entry + value
        prefixes.append(prefix)  # Struct.fields
        size += len(prefix)
    return b"".join(reversed(prefixes))


@pytest.mark.parametrize("depth", [101, 50_000, 100_000])
def test_a_deeply_nested_struct_is_refused_and_hurts_nobody(client, depth):
    sent = None
    for kind in CATALOGUE.values():
        for field in kind.DESCRIPTOR.fields:
            if field.message_type is struct_pb2.Struct.DESCRIPTOR:
                sent = event(kind())
                body = nested(depth)
                sent.data.value = varint(field.number << 3 | 2) + varint(len(body)) + body
    assert sent is not None, "the catalogue has a free-form field"
    (field,) = bad_fields(client.publish, sent)
    # At 100,000 it is larger than an event may be, too.
    assert field.startswith("events[0].data" if depth < 100_000 else "events[0]")
    assert client.publish_one(note()).position > 0


def test_an_empty_request_is_refused(client):
    assert bad_fields(client.publish) == ["events"]


def test_a_request_whose_bytes_are_no_message_is_refused(client):
    call = client.channel.unary_unary("/apus.v1.EventService/Publish")
    metadata = client.metadata
    problem = refused(
        grpc.StatusCode.INVALID_ARGUMENT, call, b"\x0a\xff", timeout=30, metadata=metadata
    )
    assert problem.fields
    request = publish_pb2.PublishRequest(events=[note(subject="xyz")]).SerializeToString()
    broken = request.replace(b"xyz", b"x\xffz")
    problem = refused(
        grpc.StatusCode.INVALID_ARGUMENT, call, broken, timeout=30, metadata=metadata
    )
    assert problem.fields == ["events[0].subject"]
