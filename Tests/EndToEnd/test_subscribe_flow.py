"""Subscribe over time: checkpoints, slow readers, many readers, and how calls end."""

import threading

import grpc
import pytest

from clients import new_id, seconds
from events import lead, note
from problems import bad_fields, problem_of


def heavy(count, size=100_000):
    """Events that fill any window soon."""
    return [note("x" * size, id=new_id()) for _ in range(count)]


# Checkpoints


def test_checkpoints_come_though_the_filter_matches_nothing(client):
    last = client.publish_one(note()).position
    reading = client.subscribe("lead.*", beginning=True, heartbeat=0.1)
    first = reading.next("checkpoint")
    assert first.cursor
    if first.position < last:
        first = reading.next("checkpoint")
    assert first.position >= last
    later = client.publish(*[note() for _ in range(50)])[-1].position
    assert reading.up_to(later) == []


def test_a_checkpoint_resumes_far_ahead(client):
    client.publish(*[note() for _ in range(50)])
    last = client.publish_one(note()).position
    reading = client.subscribe("lead.*", beginning=True, heartbeat=0.1)
    checkpoint = reading.next("checkpoint")
    while checkpoint.position < last:
        checkpoint = reading.next("checkpoint")
    reading.cancel()
    assert client.history(cursor=checkpoint.cursor) == []
    sent = client.publish_one(lead())
    (delivery,) = client.history("lead.*", cursor=checkpoint.cursor)
    assert delivery.event.id == sent.event_id


def test_a_checkpoint_never_runs_ahead_of_its_deliveries(client):
    """What a checkpoint covers was delivered before it, at any moment of a busy stream."""
    stop = threading.Event()
    sent = []

    def publish():
        while not stop.is_set():
            sent.extend(client.publish(*[note(), lead()]))

    publisher = threading.Thread(target=publish)
    publisher.start()
    try:
        reading = client.subscribe("lead.*", beginning=True, heartbeat=0.02)
        seen, checkpoints = [], 0
        for kind, item in reading:
            if kind == "delivery":
                seen.append(item.event.position)
            elif kind == "checkpoint":
                checkpoints += 1
                if checkpoints in (3, 6, 9):
                    found = client.history("lead.*", cursor=item.cursor)
                    assert all(d.event.position > item.position for d in found)
                    before = [r.position for r in list(sent)[1::2] if r.position <= item.position]
                    assert seen[:len(before)] == before
            if checkpoints == 9:
                break
    finally:
        stop.set()
        publisher.join()
    reading.cancel()


@pytest.mark.parametrize("interval", [seconds(-1), seconds(0)], ids=["negative", "zero"])
def test_an_interval_that_is_none_is_refused(client, interval):
    assert bad_fields(client.subscribe, heartbeat_interval=interval) == ["heartbeat_interval"]


# Slow readers


def test_a_slow_subscriber_loses_nothing_and_slows_nobody(client):
    slow = client.subscribe(beginning=True, timeout=90)
    quick = client.live(timeout=90)
    slow.next("caught_up")
    sent = []
    for _ in range(15):  # 30 MB, far over any window
        batch = heavy(20)
        sent += [e.id for e in batch]
        client.publish(*batch)
        assert quick.take_ids(20) == sent[-20:]
    assert slow.take_ids(len(sent)) == sent
    live = client.publish_one(note())
    assert slow.take_ids(1) == quick.take_ids(1) == [live.event_id]


def test_a_subscriber_that_never_reads_does_not_hinder_calls_on_its_connection(client):
    stalled = [client.subscribe(beginning=True) for _ in range(4)]
    for _ in range(3):
        client.publish(*heavy(20))
    assert len(client.history()) == 60
    for reading in stalled:
        assert len(reading.take(60)) == 60


# Many readers


def test_a_hundred_subscribers_each_get_everything(client):
    old = [r.event_id for r in client.publish(*[note() for _ in range(5)])]
    readings = [client.subscribe(beginning=True) for _ in range(100)]
    for reading in readings:
        assert reading.take_ids(5) == old
    new = [r.event_id for r in client.publish(*[note() for _ in range(5)])]
    for reading in readings:
        assert reading.take_ids(5) == new


# Ends


def test_many_subscribers_of_one_connection_that_read_late_get_everything(
    start_node, new_client
):
    """Together far more waits for them than the server may hold."""
    node = start_node("--max-memory-bytes", "4MiB")
    client, publisher = new_client(node, "acme"), new_client(node, "acme")
    subscribers = [client.live() for _ in range(80)]
    sent = []
    for _ in range(3):
        sent += [r.event_id for r in publisher.publish(*[note("x" * 3_000) for _ in range(100)])]
    for subscriber in subscribers:
        assert subscriber.take_ids(len(sent)) == sent


def test_a_deadline_ends_the_stream(client):
    client.publish(note())
    reading = client.subscribe(beginning=True, timeout=0.5)
    reading.take(1)
    with pytest.raises(grpc.RpcError) as raised:
        reading.take(1)
    assert raised.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED


def test_an_orderly_stop_ends_streams_with_unavailable_after_the_last_cursor(
    start_node, new_client
):
    node = start_node()
    client = new_client(node, "acme")
    client.publish(note(), note())
    reading = client.subscribe(beginning=True, timeout=60)
    first = reading.take(2)[-1]
    reading.caught_up()
    stopping = threading.Thread(target=node.stop)
    stopping.start()
    cursor = first.cursor
    with pytest.raises(grpc.RpcError) as raised:
        for kind, item in reading:
            cursor = item.cursor if kind != "caught_up" else cursor
    stopping.join()
    assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
    assert problem_of(raised.value).retry_seconds > 0
    node.start()
    again = new_client(node, "acme")
    assert again.history(cursor=cursor) == []
    sent = again.publish_one(note())
    assert [d.event.id for d in again.history(cursor=cursor)] == [sent.event_id]
