"""ListEvents: pages, order, time and status."""

import pytest
from google.protobuf import timestamp_pb2

from apus.v1 import lookup_pb2
from clients import eventually
from events import lead, note
from problems import bad_fields


def ids(answer):
    return [e.event.id for e in answer.events]


def published(client, count, made=note):
    return [r.event_id for r in client.publish(*[made() for _ in range(count)])]


def pages(client, **fields):
    token, found, sizes = "", [], []
    while True:
        answer = client.list(page_token=token, **fields)
        found += ids(answer)
        sizes.append(len(answer.events))
        token = answer.next_page_token
        if not token:
            return found, sizes


def test_the_newest_come_first_fifty_a_page(client):
    sent = published(client, 120)
    answer = client.list()
    assert ids(answer) == sent[::-1][:50]
    assert answer.next_page_token


@pytest.mark.parametrize("oldest_first", [False, True])
def test_pages_follow_each_other_without_gap_or_repeat(client, oldest_first):
    sent = published(client, 100)
    found, sizes = pages(client, page_size=7, oldest_first=oldest_first)
    assert found == (sent if oldest_first else sent[::-1])
    assert max(sizes) == 7


def test_events_published_between_pages_do_not_disturb_them(client):
    sent = published(client, 20)
    first = client.list(page_size=10)
    published(client, 20)
    second = client.list(page_size=10, page_token=first.next_page_token)
    assert ids(first) + ids(second) == sent[::-1]


def test_a_page_holds_at_most_1000_events(client):
    sent = published(client, 1000) + published(client, 200)
    answer = client.list(page_size=1000, oldest_first=True)
    assert ids(answer) == sent[:len(answer.events)]
    found, sizes = pages(client, page_size=1000, oldest_first=True)
    assert found == sent and max(sizes) <= 1000
    assert bad_fields(client.list, page_size=1001) == ["page_size"]


def test_a_page_stays_under_3_mib(client):
    sent = [r.event_id for r in client.publish(*[note("x" * 900_000) for _ in range(4)])]
    found, sizes = pages(client, page_size=100, oldest_first=True)
    assert found == sent and len(sizes) > 1


def test_an_empty_tenant_lists_nothing(client):
    answer = client.list()
    assert ids(answer) == [] and answer.next_page_token == ""


def test_since_is_inclusive_and_until_exclusive(client):
    groups = [published(client, 2) for _ in range(3)]
    times = [client.get(group[0]).event.recorded_at for group in groups]
    assert len({t.ToNanoseconds() for t in times}) == 3
    assert ids(client.list(since=times[1], oldest_first=True)) == groups[1] + groups[2]
    assert ids(client.list(until=times[1], oldest_first=True)) == groups[0]
    assert ids(client.list(since=times[1], until=times[2])) == groups[1][::-1]
    assert ids(client.list(since=times[1], until=times[1])) == []


def test_one_page_carries_status_but_no_deliveries(client):
    id = published(client, 1, lead)[0]
    client.processed(id)
    (found,) = client.list().events
    assert found.status == lookup_pb2.EVENT_STATUS_PROCESSED
    assert found.event == client.get(id).event
    assert found.HasField("processed_at")
    assert not found.deliveries


def test_events_are_listed_by_status(client):
    sent = published(client, 5, lead) + published(client, 5)
    processed = [lookup_pb2.EVENT_STATUS_PROCESSED]
    others = [
        lookup_pb2.EVENT_STATUS_PENDING, lookup_pb2.EVENT_STATUS_PROCESSING,
        lookup_pb2.EVENT_STATUS_FAILED,
    ]
    eventually(lambda: len(client.list(statuses=processed).events) == 10, "all are processed")
    assert ids(client.list(statuses=processed, oldest_first=True)) == sent
    assert ids(client.list(statuses=others)) == []
    assert ids(client.list("lead.*", statuses=processed + others, oldest_first=True)) == sent[:5]
    found, _ = pages(client, statuses=processed, page_size=3)
    assert found == sent[::-1]


@pytest.mark.parametrize("fields, named", [
    ({"page_token": "nonsense"}, "page_token"),
    ({"page_token": "ä"}, "page_token"),
    ({"statuses": [77]}, "statuses[0]"),
    ({"statuses": [0]}, "statuses[0]"),
    ({"since": timestamp_pb2.Timestamp(nanos=-1)}, "since"),
    ({"until": timestamp_pb2.Timestamp(seconds=1 << 60)}, "until"),
], ids=lambda value: str(value)[:40])
def test_a_wrong_field_is_named(client, fields, named):
    published(client, 1)
    assert bad_fields(client.list, **fields) == [named]


def test_a_page_token_belongs_to_its_request(client):
    """With another order or filter it would skip events silently."""
    published(client, 10)
    token = client.list(page_size=3).next_page_token
    assert bad_fields(client.list, page_size=3, page_token=token, oldest_first=True) == \
        ["page_token"]
    assert len(client.list(page_size=5, page_token=token).events) == 5, "the size may change"


def test_a_page_token_confers_no_right(node, client, new_client):
    published(client, 10)
    token = client.list(page_size=3).next_page_token
    other = new_client(node, client.tenant + "b")
    published(other, 2)
    try:
        answer = other.list(page_token=token)
    except Exception as error:  # refused, which is as good
        assert "page_token" in str(error)
    else:
        assert all(e.event.tenant_id == other.tenant for e in answer.events)
