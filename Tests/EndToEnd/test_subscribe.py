"""Subscribe: every start, the turn from history to live, and cursors."""

import time

import grpc
import pytest

from clients import moment, new_id
from events import lead, note
from problems import bad_fields, refused


def published(client, count, **fields):
    return [r.event_id for r in client.publish(*[note(**fields) for _ in range(count)])]


def ids(deliveries):
    return [d.event.id for d in deliveries]


# Starts


def test_from_the_beginning_comes_the_whole_history_then_what_is_live(client):
    old = published(client, 5)
    reading = client.subscribe(beginning=True)
    assert reading.take_ids(5) == old
    reading.caught_up()
    new = published(client, 5)
    assert reading.take_ids(5) == new


def test_from_the_end_comes_only_what_is_live(client):
    published(client, 5)
    reading = client.live(end=True)
    new = published(client, 3)
    assert reading.take_ids(3) == new


def test_no_start_means_the_end(client):
    published(client, 5)
    reading = client.live()
    new = published(client, 3)
    assert reading.take_ids(3) == new


def test_after_a_position_comes_the_next_event(client):
    results = client.publish(*[note() for _ in range(6)])
    deliveries = client.history(after_position=results[2].position)
    assert [d.event.position for d in deliveries] == [r.position for r in results[3:]]


def test_after_position_zero_is_the_beginning(client):
    sent = published(client, 3)
    assert ids(client.history(after_position=0)) == sent


def test_since_a_time_comes_what_was_recorded_from_then_on(client):
    old = published(client, 3)
    new = published(client, 3)
    first_new = client.get(new[0]).event.recorded_at
    assert first_new.ToNanoseconds() > client.get(old[2]).event.recorded_at.ToNanoseconds()
    assert ids(client.history(since=first_new)) == new, "since is inclusive"
    assert ids(client.history(since=moment(1))) == old + new
    assert ids(client.history(since=moment(int(time.time()) + 3600))) == []


def test_a_time_in_the_future_starts_with_what_is_recorded_from_then_on(client):
    """Nothing in the log is that new, so the stream waits at the head."""
    published(client, 1)
    reading = client.subscribe(since=moment(int(time.time()) + 3600), until_caught_up=True)
    assert [kind for kind, _ in reading if kind == "delivery"] == []


# Caught up


def test_caught_up_comes_once_at_the_turn_from_history_to_live(client):
    sent = published(client, 3)
    reading = client.subscribe(beginning=True, heartbeat=0.2)
    kinds, caught_up, seen = [], [], []
    for kind, item in reading:
        kinds.append(kind)
        if kind == "caught_up":
            caught_up.append(item)
            sent += published(client, 2)
        if kind == "delivery":
            seen.append(item)
        if len(seen) == 5 and kinds[-2:] == ["checkpoint", "checkpoint"]:
            break
    assert ids(seen) == sent
    assert len(caught_up) == 1
    assert caught_up[0].position >= seen[2].event.position


def test_until_caught_up_ends_with_ok_at_the_head(client):
    sent = published(client, 3)
    reading = client.subscribe(beginning=True, until_caught_up=True)
    items = list(reading)
    assert reading.call.code() == grpc.StatusCode.OK
    assert ids(item for kind, item in items if kind == "delivery") == sent
    assert [kind for kind, _ in items].count("caught_up") == 1


def test_until_caught_up_ends_too_when_nothing_matches(client):
    reading = client.subscribe(beginning=True, until_caught_up=True)
    items = list(reading)
    assert reading.call.code() == grpc.StatusCode.OK
    assert not [item for kind, item in items if kind == "delivery"]


# Deliveries and cursors


def test_a_delivery_without_a_group_is_a_first_attempt_with_a_cursor_and_no_token(client):
    id = published(client, 1)[0]
    (delivery,) = client.history()
    assert delivery.event == client.get(id).event
    assert delivery.cursor and delivery.attempt == 1
    assert not delivery.ack_token and not delivery.replay_id


def test_a_cursor_continues_right_after_its_delivery(client):
    sent = published(client, 20)
    deliveries = client.history()
    for n in (0, 7, 18, 19):
        assert ids(client.history(cursor=deliveries[n].cursor)) == sent[n + 1:]
    more = published(client, 2)
    assert ids(client.history(cursor=deliveries[19].cursor)) == more


def test_a_stream_cut_anywhere_resumes_without_gap_or_repeat(client):
    sent, seen, start = [], [], {"beginning": True}
    for step in range(12):
        sent += published(client, 3)
        reading = client.subscribe(**start)
        for delivery in reading.take(min(2 + step % 3, len(sent) - len(seen))):
            seen.append(delivery.event.id)
            start = {"cursor": delivery.cursor}
        reading.cancel()
    seen += ids(client.history(**start))
    assert seen == sent


def test_a_cursor_may_be_used_with_another_filter(client):
    client.publish(note(), lead())
    first = client.history()[0]
    last = client.publish_one(lead())
    found = client.history("lead.*", cursor=first.cursor)
    assert len(found) == 2 and found[1].event.position == last.position


def test_a_cursor_confers_no_right(node, client, new_client):
    published(client, 2)
    cursor = client.history()[0].cursor
    other = new_client(node, client.tenant + "b")
    mine = published(other, 1)
    assert ids(other.history(cursor=cursor)) == mine


# Refusals


@pytest.mark.parametrize("cursor", [b"x", b"\0" * 8, b"\xff" * 40, b"not a cursor at all"])
def test_a_malformed_cursor_is_refused(client, cursor):
    assert bad_fields(client.subscribe, cursor=cursor) == ["cursor"]


def test_a_truncated_cursor_is_refused(client):
    published(client, 1)
    cursor = client.history()[0].cursor
    assert bad_fields(client.subscribe, cursor=cursor[:-1]) == ["cursor"]
    assert bad_fields(client.subscribe, cursor=cursor + b"\0") == ["cursor"]


def test_a_cursor_of_another_log_is_told_from_a_position_in_this_one(
    client, open_node, new_client
):
    published(client, 3)
    other = new_client(open_node, client.tenant)
    published(other, 1)
    cursor = other.history()[0].cursor
    problem = refused(grpc.StatusCode.OUT_OF_RANGE, client.subscribe, cursor=cursor)
    assert problem.info.reason == "LOG_DIVERGED"


def test_a_start_beyond_the_head_is_out_of_range(client):
    position = client.publish_one(note()).position
    problem = refused(
        grpc.StatusCode.OUT_OF_RANGE, client.subscribe, after_position=position + 1_000_000
    )
    assert problem.info.reason
    assert str(position) in problem.info.metadata.values(), problem
    assert "1" in problem.info.metadata.values(), "the earliest position"


def test_a_start_at_the_head_is_the_end(client):
    position = client.publish_one(note()).position
    reading = client.live(after_position=position)
    sent = published(client, 1)
    assert reading.take_ids(1) == sent


def test_an_unknown_group_is_not_found(client):
    problem = refused(grpc.StatusCode.NOT_FOUND, client.subscribe, group="nobody-made-it")
    assert problem.resource.resource_name.endswith("nobody-made-it")
