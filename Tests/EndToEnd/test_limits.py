"""Each limit of the runtime, broken once: who breaks it hears why, others don't notice."""

import contextlib
import queue
import select
import struct

import grpc
import h2.events
import h2.exceptions
import h2.settings
import hyperframe.frame
import pytest

from apus.v1 import health_pb2, publish_pb2, subscribe_pb2
from clients import PATIENCE, Client, eventually
from events import note
from frames import Wire
from google.protobuf import empty_pb2
from nodes import Node
from problems import problem_of

CALM = 11  # ENHANCE_YOUR_CALM
REFUSED = 7  # REFUSED_STREAM


@pytest.fixture(scope="module")
def strict():
    made = Node(
        "--handshake-timeout", "1s", "--keepalive-interval", "0", "--progress-interval", "1s",
        "--max-concurrent-streams", "10", "--max-handlers-per-connection", "4",
        "--max-connections-per-peer", "3", "--max-cut-offs", "1000", "--max-memory-bytes", "1048576", "--loops", "1",
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


@pytest.fixture(scope="module")
def slow_pinging():
    made = Node("--min-ping-interval", "2s", "--loops", "1")
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


@contextlib.contextmanager
def counted(node, limit):
    """What is done meanwhile runs into the limit, as the metrics say."""
    before = hits(node, limit)
    yield
    assert hits(node, limit) > before


def hits(node, limit):
    return metric(node, f'apus_grpc_limit_hits_total{{limit="{limit}"}}')


def metric(node, name):
    with Wire(node) as wire:
        headers, body = wire.answer(wire.request("GET", "/metrics"))
    assert headers[":status"] == "200"
    (line,) = [line for line in body.decode().splitlines() if line.startswith(name + " ")]
    return float(line.split()[1])


def is_alone(node):
    """Whether the connection that asks is the only one: the server has seen the end of others."""
    try:
        return metric(node, "apus_grpc_connections_open") == 1
    except (AssertionError, ConnectionError):
        return False


# Connections


def test_a_connection_that_says_nothing_is_closed(strict):
    with counted(strict, "handshake_time"):
        with Wire(strict, handshake=False) as wire:
            assert farewell(wire) == (0, "handshake_timeout")


def test_a_preface_without_settings_is_no_greeting(strict):
    with Wire(strict, handshake=False) as wire:
        wire.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0")
        assert farewell(wire) == (0, "handshake_timeout")


def test_one_address_has_so_many_connections(strict):
    eventually(lambda: is_alone(strict), "earlier connections are gone")
    before = hits(strict, "connections_per_peer")
    with contextlib.ExitStack() as stack:
        wires = [stack.enter_context(Wire(strict, handshake=False)) for _ in range(10)]
        # The server speaks first to those it took. One of its three may still be who looked.
        refused = [wire for wire in wires if wire.receive() == b""]
        assert len(refused) in (7, 8)
    eventually(lambda: is_alone(strict), "there is room again")
    assert hits(strict, "connections_per_peer") >= before + 7


def test_a_peer_that_does_not_answer_is_cut_off(pinging):
    with counted(pinging, "keep_alive"):
        with Wire(pinging) as wire:
            # It reads, and says nothing.
            assert farewell(wire) == (0, "keepalive_timeout")


def test_a_peer_that_answers_pings_lives_until_its_connection_is_old(pinging):
    with counted(pinging, "connection_age"):
        with Wire(pinging) as wire:
            health(wire)
            pings = 0
            with pytest.raises(h2.exceptions.ProtocolError):
                # h2 answers pings, but takes none after a GOAWAY.
                for event in wire.events():
                    pings += isinstance(event, h2.events.PingReceived)
            assert pings >= 2


def test_a_peer_that_talks_and_takes_nothing_is_dead(pinging):
    with counted(pinging, "keep_alive"), Wire(pinging) as wire:
        size = h2.settings.SettingCodes.INITIAL_WINDOW_SIZE
        wire.h2.update_settings({size: 2**31 - 1})
        wire.h2.increment_flow_control_window(2**31 - 2**17)
        for _ in range(900):
            wire.request("GET", "/metrics")
        with pytest.raises(ConnectionError):
            while True:
                wire.raw(frame(6, 1, 0, b"12345678"))
                select.select([], [], [], 0.1)


@pytest.mark.parametrize("interval, code, limit", [
    (2_000, grpc.StatusCode.DEADLINE_EXCEEDED, 0),
    (1_000, grpc.StatusCode.UNAVAILABLE, 1),
])
def test_pythons_keep_alive_is_tolerated_at_the_interval_and_not_below(
    slow_pinging, interval, code, limit
):
    options = {
        "grpc.keepalive_time_ms": interval, "grpc.keepalive_permit_without_calls": 1,
        "grpc.http2.max_pings_without_data": 0, "grpc.use_local_subchannel_pool": 1,
    }
    before = hits(slow_pinging, "pings")
    with Client(slow_pinging, "pinger", **options) as client:
        reading = client.live(timeout=10, heartbeat=60)
        with pytest.raises(grpc.RpcError) as ended:
            reading.next("delivery")
    assert ended.value.code() == code
    assert hits(slow_pinging, "pings") == before + limit


# Frames


def test_who_pings_too_often_is_cut_off(strict, wire):
    with counted(strict, "pings"):
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
], ids=["data", "padding", "priority", "settings", "ack", "stream-window", "window", "unknown"])
def test_a_flood_of_frames_that_carry_nothing_is_cut_off(
    strict, wire, kind, flags, on_stream, payload
):
    with counted(strict, "empty_frames"):
        stream = wire.grpc("Publish", end=False, body=b"\0")
        try:
            wire.raw(frame(kind, flags, stream if on_stream else 0, payload) * 3_000)
        except ConnectionError:
            pass
        assert farewell(wire) == (CALM, "too_many_empty_frames")
        with Wire(strict) as other:
            health(other)


def test_rapid_resets_are_cut_off(strict, wire):
    with counted(strict, "stream_resets"):
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


def test_a_header_block_of_many_frames_is_cut_off(strict, wire):
    with counted(strict, "continuations"):
        wire.raw(frame(1, 0, 1, b"\x83") + frame(9, 0, 1, b"\x84") * 20)
        assert farewell(wire) == (CALM, "too_many_continuations")


def test_a_header_block_that_does_not_end_is_cut_off(strict, wire):
    with counted(strict, "frame_time"):
        wire.raw(frame(1, 0, 1, b"\x83"))
        assert farewell(wire) == (CALM, "frame_timeout")


def test_an_hpack_bomb_is_cut_off(strict, wire):
    with counted(strict, "header_list"):
        value = b"v" * 4_000
        block = b"\x83\x86\x84\x40\x01x\x7f\xa1\x1e" + value + b"\xbe" * 12_000
        wire.raw(frame(1, 4 | 1, 1, block))
        assert farewell(wire)[0] == CALM


# Calls


def test_streams_over_the_limit_are_refused_and_cost_nothing_else(strict, wire):
    with counted(strict, "concurrent_streams"):
        # The server's SETTINGS aren't read yet, so h2 lets them pass.
        streams = [wire.grpc("Publish", end=False, body=b"\0") for _ in range(12)]
        answer, _ = wire.answer(streams[10])
        assert answer == {"reset": REFUSED}


def test_calls_that_run_have_a_limit_on_each_connection(strict, wire):
    with counted(strict, "handlers_per_connection"):
        for _ in range(4):
            stream = wire.grpc("PublishStream", end=False)
            assert stream
        headers, _ = wire.answer(wire.grpc("Health"))
        assert headers["grpc-status"] == "8"
        assert headers["grpc-retry-pushback-ms"] == "1000"
        with Wire(strict) as other:
            health(other)


def test_who_holds_more_than_is_free_gets_no_more(strict, wire):
    with counted(strict, "memory"):
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


def test_a_request_that_trickles_is_ended(strict, wire):
    with counted(strict, "slow_request"):
        request = publish_pb2.PublishRequest(events=[note()]).SerializeToString()
        stream = wire.grpc("Publish", end=False, body=b"\0" + len(request).to_bytes(4, "big"))
        headers, _ = wire.answer(stream)
        assert headers["grpc-status"] == "4"
        health(wire)


def test_an_answer_that_is_not_read_is_dropped_and_a_slow_subscriber_is_not(strict, wire):
    with counted(strict, "slow_response"):
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


# Publishes


@pytest.mark.parametrize("flag, value", [
    ("--max-waiting-events", 20), ("--max-waiting-bytes", 4096),
])
def test_publishes_that_wait_to_be_stored_have_a_limit(start_node, new_client, flag, value):
    node = start_node(flag, value)
    client = new_client(node, "many")
    client.publish_one(note())  # type and tenant are known
    request = publish_pb2.PublishRequest(events=[note("x" * 100) for _ in range(10)])
    with node.sql() as sql, sql.transaction():
        sql.execute("select from apus.log_head for update")
        calls = [
            client.stub.Publish.future(request, timeout=PATIENCE, metadata=client.metadata)
            for _ in range(50)
        ]
        refused = problem_of(next(ended(calls)).exception())
        assert refused.code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert refused.retry_seconds > 0
    codes = {call.code() for call in calls}
    assert codes == {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
    exhausted = sum(call.code() == grpc.StatusCode.RESOURCE_EXHAUSTED for call in calls)
    assert metric(node, "apus_publishes_refused_total") == exhausted


def ended(calls):
    """The calls as they end."""
    done = queue.SimpleQueue()
    for call in calls:
        call.add_done_callback(done.put)
    while True:
        yield done.get(timeout=PATIENCE)
