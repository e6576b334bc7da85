"""HTTP/2 below gRPC: plain requests, odd calls, and peers that misbehave."""

import subprocess

import h2.events
import pytest

from apus.v1 import health_pb2, publish_pb2, subscribe_pb2
from clients import eventually
from events import note
from frames import Wire
from google.protobuf import empty_pb2


@pytest.fixture
def wire(node):
    with Wire(node) as made:
        yield made


@pytest.fixture
def neighbour(client):
    """A client on another connection, with an open stream; afterwards both must still work."""
    reading = client.live()
    yield client
    sent = client.publish_one(note())
    assert reading.take_ids(1) == [sent.event_id]
    reading.cancel()


# Plain HTTP


def test_curl_gets_healthz(node):
    result = subprocess.run(
        ["curl", "-sS", "--http2-prior-knowledge", "-w", "%{http_code} %{http_version}", "-m", "30",
         f"http://{node.address}/healthz"], capture_output=True, text=True,
    )
    assert result.returncode == 0, result.stderr
    body, _, rest = result.stdout.rpartition("\n")
    assert rest == "200 2" and 0 < len(body) < 100


def test_curl_with_a_post_that_is_not_grpc_gets_415(node):
    command = [
        "curl", "-sS", "--http2-prior-knowledge", "-o", "/dev/null", "-w", "%{http_code}",
        "-m", "30", "-d", "{}", "-H", "content-type: application/json",
        f"http://{node.address}/apus.v1.EventService/Publish",
    ]
    for _ in range(10):  # the answer may overtake curl's body
        result = subprocess.run(command, capture_output=True, text=True)
        assert (result.returncode, result.stdout) == (0, "415"), result.stderr


@pytest.mark.parametrize("method, path, headers, status", [
    ("GET", "/healthz", [], "200"),
    ("GET", "/nothing", [], "404"),
    ("GET", "/apus.v1.EventService/Publish", [], "405"),
    ("POST", "/apus.v1.EventService/Publish", [], "415"),
    ("POST", "/apus.v1.EventService/Publish", [("content-type", "text/plain")], "415"),
    ("POST", "/apus.v1.EventService/Publish", [("content-type", "application/grpcx")], "415"),
])
def test_a_plain_request_gets_a_plain_answer(wire, method, path, headers, status):
    answer, _ = wire.answer(wire.request(method, path, headers, b"{}" if method == "POST" else b""))
    wanted = {status, "404"} if status == "405" else {status}
    assert answer[":status"] in wanted, answer


@pytest.mark.parametrize("path, status", [("/healthz", "200"), ("/nothing", "404")])
def test_the_answer_to_head_has_no_body(wire, path, status):
    answer, body = wire.answer(wire.request("HEAD", path))
    assert (answer[":status"], body) == (status, b"")


def test_healthz_says_which_methods_it_takes(wire):
    answer, _ = wire.answer(wire.request("POST", "/healthz", [("content-type", "text/plain")]))
    assert (answer[":status"], answer["allow"]) == ("405", "GET, HEAD")


# Odd calls, each with its own answer on a connection that goes on


def health(wire):
    """A call that works."""
    headers, body = wire.answer(wire.grpc("Health"))
    assert headers["grpc-status"] == "0", headers
    assert health_pb2.HealthResponse.FromString(body[5:]).status
    return True


@pytest.mark.parametrize("content_type", [
    "application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8",
])
def test_every_spelling_of_grpc_is_understood(wire, content_type):
    headers, _ = wire.answer(wire.request(
        "POST", "/apus.v1.EventService/Health",
        [("te", "trailers"), ("content-type", content_type)], b"\0\0\0\0\0",
    ))
    assert headers[":status"] == "200" and headers["grpc-status"] == "0"
    assert headers["content-type"].startswith("application/grpc")


@pytest.mark.parametrize("body", [
    b"", b"\0", b"\0\0\0\0\x05abc", b"\0\0\0\0\x00\0\0\0\0\x00", b"\x07\0\0\0\0", b"\x01\0\0\0\0",
], ids=["none", "half a prefix", "cut short", "two messages", "bad flag", "compressed"])
def test_a_malformed_call_fails_alone(wire, body):
    headers, _ = wire.answer(wire.grpc("Health", body=body))
    assert headers.get("grpc-status") in ("3", "12", "13", "8"), headers
    assert health(wire)


def test_a_message_over_the_limit_is_refused_by_its_prefix(wire):
    headers, _ = wire.answer(wire.grpc("Publish", body=b"\0\x7f\xff\xff\xff", end=False))
    assert headers["grpc-status"] == "8", "RESOURCE_EXHAUSTED before the bytes come"
    assert health(wire)


def test_an_unknown_method_is_unimplemented(wire):
    for path in ("/apus.v1.EventService/Nope", "/nope", "/", "/a/b/c"):
        headers, _ = wire.answer(wire.request(
            "POST", path, [("te", "trailers"), ("content-type", "application/grpc")],
            b"\0\0\0\0\0",
        ))
        assert headers.get("grpc-status") == "12", (path, headers)
    assert health(wire)


def subscribe(wire, headers=(), **fields):
    request = subscribe_pb2.SubscribeRequest(end=empty_pb2.Empty(), **fields)
    return wire.grpc("Subscribe", request.SerializeToString(), headers)


def test_a_timeout_of_a_millisecond_ends_a_subscribe(wire):
    headers, _ = wire.answer(subscribe(wire, [("grpc-timeout", "1m")]))
    assert headers["grpc-status"] == "4", "DEADLINE_EXCEEDED"
    assert health(wire)


@pytest.mark.parametrize("timeout", ["soon", "", "1", "m", "-1S", "123456789S", "1.5S"])
def test_a_timeout_that_is_none_fails_alone(wire, timeout):
    headers, _ = wire.answer(subscribe(wire, [("grpc-timeout", timeout)], until_caught_up=True))
    assert headers["grpc-status"] in ("3", "13"), headers
    assert health(wire)


def test_a_cancelled_call_ends_on_the_server(start_node):
    node = start_node()

    def subscribers(wire):
        _, body = wire.answer(wire.grpc("Health"))
        return health_pb2.HealthResponse.FromString(body[5:]).statistics.subscribers

    with Wire(node) as calls, Wire(node) as watch:
        streams = [subscribe(calls) for _ in range(5)]
        eventually(lambda: subscribers(watch) == 5, "five subscribers")
        for stream in streams[:4]:
            calls.h2.reset_stream(stream, error_code=8)
        calls.flush()
        eventually(lambda: subscribers(watch) == 1, "four have gone")
        calls.socket.close()
        eventually(lambda: subscribers(watch) == 0, "all have gone with their connection")


def test_many_calls_run_side_by_side_on_one_connection(wire, tenant):
    body = publish_pb2.PublishRequest(events=[note()]).SerializeToString()
    streams = {wire.grpc("Publish", body, [("x-tenant-id", tenant)]) for _ in range(60)}
    ended, statuses = set(), []
    for event in wire.events():
        if isinstance(event, h2.events.TrailersReceived):
            statuses.append(dict(event.headers)["grpc-status"])
        if isinstance(event, h2.events.StreamEnded):
            ended.add(event.stream_id)
        if ended == streams:
            break
    assert statuses == ["0"] * 60


def test_an_idle_connection_does_not_hold_up_the_stop_of_a_node(start_node):
    node = start_node()
    with Wire(node) as idle:
        assert health(idle)
        assert node.stop(patience=8) == 0


# Peers that misbehave hurt only themselves


@pytest.mark.parametrize("garbage", [
    b"\0" * 100, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01" + b"\xff" * 300,
    bytes(range(256)) * 64,
], ids=["zeros", "HTTP/1.1", "TLS", "noise"])
def test_bytes_that_are_no_http2_close_their_own_connection(node, neighbour, garbage):
    with Wire(node, handshake=False) as wire:
        try:
            wire.raw(garbage)
        except ConnectionError:
            pass
        wire.drained()


def frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") \
        + payload


BAD_FRAMES = {
    "DATA on stream 0": frame(0, 0, 0, b"x"),
    "HEADERS on stream 0": frame(1, 4, 0, b"\x82"),
    "an even stream": frame(1, 5, 2, b"\x82"),
    "bad HPACK": frame(1, 5, 1, b"\xff" * 20),
    "CONTINUATION alone": frame(9, 4, 1, b""),
    "a short SETTINGS": frame(4, 0, 0, b"xxxxx"),
    "a window of nothing": frame(8, 0, 0, b"\0\0\0\0"),
    "a window overflow": frame(8, 0, 0, b"\x7f\xff\xff\xff"),
    "PUSH_PROMISE": frame(5, 4, 1, b"\0\0\0\2\x82"),
    "a frame too large": frame(0, 0, 1, b"x" * 16385),
    "a PING too short": frame(6, 0, 0, b"x"),
    "HEADERS never ended, then DATA": frame(1, 0, 1, b"\x82") + frame(0, 0, 1, b"x"),
}


@pytest.mark.parametrize("name", BAD_FRAMES)
def test_a_broken_rule_of_http2_ends_its_own_connection(node, neighbour, name):
    with Wire(node) as wire:
        wire.wait_for(h2.events.RemoteSettingsChanged)
        wire.raw(BAD_FRAMES[name])
        assert wire.drained(), "it says GOAWAY before it closes"


def test_headers_of_a_megabyte_are_refused(node, neighbour):
    with Wire(node) as wire:
        wire.wait_for(h2.events.RemoteSettingsChanged)
        huge = [(f"x-filler-{n}", "v" * 8000) for n in range(130)]
        try:
            headers, _ = wire.answer(wire.grpc("Health", headers=huge))
        except (AssertionError, OSError):
            return  # the connection was ended, which is as good
        assert headers.get("reset") or headers.get("grpc-status") == "8" \
            or headers.get(":status") == "431", headers


def test_a_connection_closed_in_the_middle_of_a_call_hurts_nobody(node, neighbour):
    for end in (b"", b"\0\0\0\0\x05abc"):
        with Wire(node) as wire:
            wire.grpc("Publish", body=end, end=False)
            subscribe(wire)


def test_a_thousand_resets_hurt_nobody(node, neighbour):
    with Wire(node) as wire:
        try:
            for _ in range(1000):
                wire.h2.reset_stream(wire.grpc("Health", end=False))
            wire.flush()
            health(wire)
        except (AssertionError, OSError):
            pass  # the connection may be ended for it
