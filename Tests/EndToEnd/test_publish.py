"""Publish: positions, and what is kept of an event."""

import concurrent.futures

import pytest

from apus.v1 import event_kind_pb2, event_pb2
from clients import moment, new_id
from events import event, lead, note, payload


def test_new_events_of_one_request_get_adjacent_positions_in_order(client):
    ids = [new_id() for _ in range(100)]
    results = client.publish(*[note(str(n), id=id) for n, id in enumerate(ids)])
    assert [r.event_id for r in results] == ids
    first = results[0].position
    assert [r.position for r in results] == list(range(first, first + 100))
    assert not any(r.duplicate or r.HasField("error") for r in results)


def test_requests_sent_at_once_never_interleave_their_events(client):
    def publish(_):
        return [r.position for r in client.publish(*[note() for _ in range(20)])]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(publish, range(40)))
    for positions in answers:
        assert positions == list(range(positions[0], positions[0] + 20))
    assert len({p for positions in answers for p in positions}) == 800


def test_a_later_request_gets_a_later_position_whoever_sends_it(node, client, new_client):
    other = new_client(node, client.tenant + "b")
    positions = [c.publish_one(note()).position for c in (client, other, client, other)]
    assert positions == sorted(set(positions))
    assert positions[0] >= 1


def test_every_field_of_an_event_reads_back_as_it_was_sent(client):
    sent = lead(
        id=new_id(), type="lead.created", version=1, kind=event_kind_pb2.EVENT_KIND_DOMAIN,
        tenant_id=client.tenant, source="crm/import", subject="lead/ä-42", partition_key="key",
        occurred_at=moment(1_700_000_000, 123_456_789),
        metadata=event_pb2.EventMetadata(
            correlation_id="cor", causation_id="cau", user_id="usr", session_id="ses",
            request_id="req", channel="web", user_agent="agent/1", ip_address="192.0.2.1",
            traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            tracestate="vendor=1", extra={"a": "1", "ü": "é", "empty": ""},
        ),
    )
    result = client.publish_one(sent)
    kept = client.get(sent.id).event
    assert kept.position == result.position
    assert kept.HasField("recorded_at")
    assert kept.partition < 64
    for name in ("position", "partition", "recorded_at"):
        kept.ClearField(name)
    assert kept == sent


def test_what_the_service_sets_cannot_be_set_by_a_client(client):
    sent = note(position=999_999_999, recorded_at=moment(1))
    result = client.publish_one(sent)
    kept = client.get(result.event_id).event
    assert kept.position == result.position != 999_999_999
    assert kept.recorded_at.seconds > 1_700_000_000


@pytest.mark.parametrize("time", [
    (-62_135_596_800, 0), (-1, 999_999_999), (0, 1), (1_700_000_000, 999_999_999),
    (253_402_300_799, 999_999_999),
])
def test_the_time_of_an_event_is_kept_to_the_nanosecond(client, time):
    result = client.publish_one(note(occurred_at=moment(*time)))
    kept = client.get(result.event_id).event.occurred_at
    assert (kept.seconds, kept.nanos) == time


def test_fields_that_the_schema_does_not_know_survive_in_the_payload(client):
    data = payload("lead.created", lead_id="42").SerializeToString()
    unknown = b"\xc2\xbb\x01\x05later"  # field 3,000, five bytes
    sent = event(None, id=new_id())
    sent.data.type_url = lead().data.type_url
    sent.data.value = data + unknown
    client.publish(sent)
    assert unknown in client.get(sent.id).event.data.value
    (delivery,) = client.history()
    assert unknown in delivery.event.data.value


def test_recorded_at_never_runs_backwards_in_the_order_of_positions(client):
    def publish(_):
        client.publish(note(), note())

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(publish, range(50)))
    events = [d.event for d in client.history()]
    times = [(e.recorded_at.seconds, e.recorded_at.nanos) for e in events]
    assert len(times) == 100 and times == sorted(times)


def test_events_with_one_partition_key_share_a_partition(client):
    results = client.publish(*[note(subject=f"s{n}", partition_key="one") for n in range(8)])
    partitions = {client.get(r.event_id).event.partition for r in results}
    assert len(partitions) == 1
    results = client.publish(*[note(subject=f"s{n}") for n in range(64)])
    partitions = {client.get(r.event_id).event.partition for r in results}
    assert len(partitions) > 16 and max(partitions) < 64


def test_every_type_of_the_catalogue_can_be_published(client):
    from events import CATALOGUE

    assert len(CATALOGUE) >= 27
    sent = [event(made()) for made in CATALOGUE.values()]
    results = client.publish(*sent)
    kept = [d.event for d in client.history()]
    assert [k.id for k in kept] == [r.event_id for r in results]
    assert [(k.type, k.version) for k in kept] == list(CATALOGUE)
