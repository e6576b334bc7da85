"""RFC 9113 §5.2 and §6.9: flow control, on both sides."""

import pytest

from apus.v1 import publish_pb2
from events import note
from peer import (
    DATA, END_STREAM, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, GOAWAY, INITIAL_WINDOW_SIZE,
    LARGEST_WINDOW, PROTOCOL_ERROR, RST_STREAM, WINDOW_UPDATE, Peer, frame, number, settings,
)


# §6.9 WINDOW_UPDATE


def test_an_answer_flows_as_its_window_opens(held):
    """§6.9, §6.9.1: not a byte more than the window allows, and every byte that it does."""
    stream = held.half_closed_stream()
    body = b""
    for step in range(3):
        held.ignores()
        held.send(frame(WINDOW_UPDATE, 0, stream, number(1)))
        data = held.until(lambda f: f.type == DATA)
        assert data.stream_id == stream and len(data.data) == 1
        body += data.data
    assert body == b"ok\n"


def test_an_empty_data_frame_may_leave_with_a_window_of_nothing(held):
    """§6.9.1: so may an answer without a body."""
    stream = held.headers(held.fields("HEAD"))
    assert held.answer(stream) == ("200", b"")


@pytest.mark.parametrize("increment", [0, 1 << 31])
def test_a_window_update_of_nothing_on_the_connection_ends_it(peer, increment):
    """§6.9: PROTOCOL_ERROR; the first bit is reserved."""
    peer.send(frame(WINDOW_UPDATE, 0, 0, number(increment)))
    peer.is_cut_off(PROTOCOL_ERROR)


def test_a_window_update_of_nothing_on_a_stream_is_an_error(held):
    """§6.9: PROTOCOL_ERROR of the stream, which may end the connection (§5.4.1)."""
    stream = held.open_stream()
    held.send(frame(WINDOW_UPDATE, 0, stream, number(0)))
    found = held.until(lambda f: f.type in (RST_STREAM, GOAWAY))
    assert found.error_code == PROTOCOL_ERROR


@pytest.mark.parametrize("length", [0, 3, 5, 8])
def test_a_window_update_of_another_length_than_4_ends_the_connection(peer, length):
    """§6.9: FRAME_SIZE_ERROR."""
    peer.send(frame(WINDOW_UPDATE, 0, 0, b"\x01" * length))
    peer.is_cut_off(FRAME_SIZE_ERROR)


def test_a_connection_window_over_2_31_ends_the_connection(peer):
    """§6.9.1: FLOW_CONTROL_ERROR."""
    peer.send(*[frame(WINDOW_UPDATE, 0, 0, number(LARGEST_WINDOW))] * 2)
    peer.is_cut_off(FLOW_CONTROL_ERROR)


def test_a_stream_window_over_2_31_is_an_error(held):
    """§6.9.1: FLOW_CONTROL_ERROR of the stream, which may end the connection (§5.4.1)."""
    stream = held.open_stream()
    held.send(*[frame(WINDOW_UPDATE, 0, stream, number(LARGEST_WINDOW))] * 2)
    found = held.until(lambda f: f.type in (RST_STREAM, GOAWAY))
    assert found.error_code == FLOW_CONTROL_ERROR


def test_a_window_may_be_opened_to_its_last_byte(peer):
    """§6.9.1: 2^31-1 is allowed."""
    peer.send(frame(WINDOW_UPDATE, 0, 0, number(LARGEST_WINDOW - 65535)))
    peer.ignores()
    peer.works()


def test_a_new_initial_window_changes_the_streams_that_are_open(held):
    """§6.9.2."""
    stream = held.half_closed_stream()
    held.send(settings(INITIAL_WINDOW_SIZE=1))
    data = held.until(lambda f: f.type == DATA)
    assert (data.stream_id, len(data.data)) == (stream, 1)


def test_a_window_can_become_negative(node):
    """§6.9.2: nothing is sent until it is positive again."""
    with Peer(node, INITIAL_WINDOW_SIZE=2) as peer:
        stream = peer.headers()
        assert len(peer.until(lambda f: f.type == DATA).data) == 2
        peer.send(settings(INITIAL_WINDOW_SIZE=0))  # -2
        peer.send(frame(WINDOW_UPDATE, 0, stream, number(2)))  # 0
        peer.ignores()
        assert not [f for f in peer.seen if f.type == DATA][1:]
        peer.send(frame(WINDOW_UPDATE, 0, stream, number(1)))
        assert len(peer.until(lambda f: f.type == DATA).data) == 1


def test_an_initial_window_that_overflows_an_open_streams_ends_the_connection(held):
    """§6.9.2: FLOW_CONTROL_ERROR."""
    held.send(
        frame(WINDOW_UPDATE, 0, held.open_stream(), number(1000)),
        settings(INITIAL_WINDOW_SIZE=LARGEST_WINDOW),
    )
    held.is_cut_off(FLOW_CONTROL_ERROR)


def test_a_window_opens_again_as_a_body_is_read(peer):
    """§6.9: the connection's window is back when the body was taken, so that the next fits too."""
    body = 3 * 16384
    for _ in range(peer.settings.get(INITIAL_WINDOW_SIZE, 65535) // body + 2):
        stream = peer.headers(peer.fields("POST"), end=False)
        peer.send(*[frame(DATA, 0, stream, b"\0" * 16384)] * 3)
        peer.send(frame(DATA, END_STREAM, stream, b""))
        assert peer.answer(stream)[0] in ("200", "405")


# §5.2 Flow Control


def test_a_body_over_its_streams_window_is_an_error(held):
    """§5.2.1, §6.9.1: FLOW_CONTROL_ERROR of the stream, which may end the connection (§5.4).

    Answers that find no window hold their call back, and the call its requests."""
    stream = held.headers(held.fields(
        "POST", "/apus.v1.EventService/PublishStream", ("te", "trailers"),
        ("content-type", "application/grpc"),
    ), end=False)
    refused = publish_pb2.PublishRequest(events=[note(source="x" * 4000)]).SerializeToString()
    message = b"\0" + number(len(refused)) + refused
    for _ in range(40):
        held.send(*[frame(DATA, 0, stream, message)] * 100)
    found = held.until(lambda f: f.type in (RST_STREAM, GOAWAY))
    assert found.error_code == FLOW_CONTROL_ERROR
