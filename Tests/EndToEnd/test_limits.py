"""Each limit of the runtime, broken once: who breaks it hears the right code, others don't notice."""

import struct

import h2.events
import h2.exceptions
import h2.settings
import hyperframe.frame
import pytest

from apus.v1 import health_pb2, publish_pb2, subscribe_pb2
from events import note
from frames import Wire
from google.protobuf import empty_pb2
from nodes import Node

CALM = 11  # ENHANCE_YOUR_CALM
REFUSED = 7  # REFUSED_STREAM


@pytest.fixture(scope="module")
def strict():
    made = Node(
        "--handshake-timeout", "1s", "--keepalive-interval", "0", "--progress-interval", "1s",
        "--max-concurrent-streams", "10", "--max-handlers-per-connection", "4",
        "--max-connections-per-peer", "3", "--max-memory-bytes", "1048576", "--loops", "1",
    )
    yield made
    made.close()


@pytest.fixture(scope="module")
def pinging():
    made = Node(
        "--keepalive-interval", "500ms", "--keepalive-timeout", "500ms", "--loops", "1",
        "--max-connection-age", "3s", "--max-connection-age-grace", "1s",
    )
    yield made
    made.close()


@pytest.fixture
def wire(strict):
    with Wire(strict) as made:
        yield made


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(
        ">I", stream) + payload


def farewell(wire):
    """Code and text of the GOAWAY, read to the end of the connection; None without one."""
    data = b""
    while piece := wire.receive():
        data += piece
    said = None
    while len(data) >= 9:
        head, length = hyperframe.frame.Frame.parse_frame_header(memoryview(data[:9]))
        if isinstance(head, hyperframe.frame.GoAwayFrame):
            head.parse_body(memoryview(data[9:9 + length]))
            said = head.error_code, head.additional_data.decode()
        data = data[9 + length:]
    return said


def health(wire):
    headers, body = wire.answer(wire.grpc("Health"))
    assert headers["grpc-status"] == "0", headers
    return health_pb2.HealthResponse.FromString(body[5:])


# Connections


def test_a_connection_that_says_nothing_is_closed(strict):
    with Wire(strict, handshake=False) as wire:
        assert farewell(wire) == (0, "handshake_timeout")


def test_a_preface_without_settings_is_no_greeting(strict):
    with Wire(strict, handshake=False) as wire:
        wire.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0")
        assert farewell(wire) == (0, "handshake_timeout")


def test_one_address_has_so_many_connections(strict):
    with Wire(strict) as first, Wire(strict) as second, Wire(strict) as third:
        for wire in first, second, third:
            health(wire)
        with Wire(strict, handshake=False) as fourth:
            assert fourth.receive() == b""
        health(first)


def test_a_peer_that_does_not_answer_is_cut_off(pinging):
    with Wire(pinging) as wire:
        # It reads, and says nothing.
        assert farewell(wire) == (0, "keepalive_timeout")


def test_a_peer_that_answers_pings_lives_until_its_connection_is_old(pinging):
    with Wire(pinging) as wire:
        health(wire)
        pings = 0
        with pytest.raises(h2.exceptions.ProtocolError):
            # h2 answers pings, but takes none after a GOAWAY.
            for event in wire.events():
                pings += isinstance(event, h2.events.PingReceived)
        assert pings >= 2


# Frames


def test_who_pings_too_often_is_cut_off(wire):
    health(wire)
    for _ in range(4):
        wire.raw(frame(6, 0, 0, b"12345678"))
    assert farewell(wire) == (CALM, "too_many_pings")


def test_pings_in_answer_to_data_are_fine(wire):
    for _ in range(20):
        wire.raw(frame(6, 0, 0, b"12345678"))
        health(wire)


@pytest.mark.parametrize("kind, flags, on_stream, payload", [
    (0, 0, True, b""),
    (0, 8, True, b"\2\0\0"),
    (2, 0, True, b"\0\0\0\0\0"),
    (4, 0, False, b""),
    (6, 1, False, b"12345678"),
    (8, 0, True, b"\0\0\0\1"),
    (8, 0, False, b"\0\0\0\1"),
    (77, 0, True, b""),
], ids=["data", "padding", "priority", "settings", "ping-ack", "stream-window", "window", "unknown"])
def test_a_flood_of_frames_that_carry_nothing_is_cut_off(
    strict, wire, kind, flags, on_stream, payload
):
    stream = wire.grpc("Publish", end=False, body=b"\0")
    try:
        wire.raw(frame(kind, flags, stream if on_stream else 0, payload) * 3_000)
    except ConnectionError:
        pass
    assert farewell(wire) == (CALM, "too_many_empty_frames")
    with Wire(strict) as other:
        health(other)


def test_rapid_resets_are_cut_off(wire):
    data = b""
    for _ in range(1_100):
        stream = wire.h2.get_next_available_stream_id()
        wire.h2.send_headers(stream, [
            (":method", "POST"), (":scheme", "http"), (":authority", wire.authority),
            (":path", "/apus.v1.EventService/Subscribe"), ("content-type", "application/grpc"),
        ])
        wire.h2.reset_stream(stream, 8)
        data += wire.h2.data_to_send()
    try:
        wire.raw(data)
    except ConnectionError:
        pass
    assert farewell(wire) == (CALM, "too_many_resets")


def test_a_header_block_of_many_frames_is_cut_off(wire):
    wire.raw(frame(1, 0, 1, b"\x83") + frame(9, 0, 1, b"\x84") * 20)
    assert farewell(wire) == (CALM, "too_many_continuations")


def test_a_header_block_that_does_not_end_is_cut_off(wire):
    wire.raw(frame(1, 0, 1, b"\x83"))
    assert farewell(wire) == (CALM, "frame_timeout")


def test_an_hpack_bomb_is_cut_off(wire):
    value = b"v" * 4_000
    block = b"\x83\x86\x84\x40\x01x\x7f\xa1\x1e" + value + b"\xbe" * 12_000
    wire.raw(frame(1, 4 | 1, 1, block))
    assert farewell(wire)[0] == CALM


# Calls


def test_streams_over_the_limit_are_refused_and_cost_nothing_else(wire):
    # The server's SETTINGS aren't read yet, so h2 lets them pass.
    streams = [wire.grpc("Publish", end=False, body=b"\0") for _ in range(12)]
    answer, _ = wire.answer(streams[10])
    assert answer == {"reset": REFUSED}


def test_calls_that_run_have_a_limit_on_each_connection(strict, wire):
    for _ in range(4):
        stream = wire.grpc("PublishStream", end=False)
        assert stream
    headers, _ = wire.answer(wire.grpc("Health"))
    assert headers["grpc-status"] == "8"
    assert headers["grpc-retry-pushback-ms"] == "1000"
    with Wire(strict) as other:
        health(other)


def test_who_holds_more_than_is_free_gets_no_more(strict, wire):
    health(wire)  # the server's windows are known then
    part = b"\0" + (400_000).to_bytes(4, "big") + b"x" * 16_000
    for _ in range(3):
        stream = wire.grpc("Publish", end=False, body=part)
        for _ in range(14):
            wire.h2.send_data(stream, b"x" * 16_000)
        wire.flush()
    # Of 1 MiB the connection may have half: the third is too much.
    headers, _ = wire.answer(stream)
    assert headers["grpc-status"] == "8"
    assert headers["grpc-retry-pushback-ms"] == "1000"
    health(wire)
    with Wire(strict) as other:
        health(other)


def test_a_request_that_trickles_is_ended(wire):
    request = publish_pb2.PublishRequest(events=[note()]).SerializeToString()
    stream = wire.grpc("Publish", end=False, body=b"\0" + len(request).to_bytes(4, "big"))
    headers, _ = wire.answer(stream)
    assert headers["grpc-status"] == "4"
    health(wire)


def test_an_answer_that_is_not_read_is_dropped_and_a_slow_subscriber_is_not(strict, wire):
    wire.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
    request = subscribe_pb2.SubscribeRequest(beginning=empty_pb2.Empty())
    reader = wire.grpc("Subscribe", request.SerializeToString(), [("x-tenant-id", "slow")])
    # Two looks later the first is reset, and the second has been looked at as often.
    answer, _ = wire.answer(wire.grpc("Health"))
    assert answer[":status"] == "200" and answer["reset"] == CALM
    wire.h2.increment_flow_control_window(100_000, reader)
    wire.flush()
    data = wire.wait_for(h2.events.DataReceived)
    assert data.stream_id == reader and data.data
