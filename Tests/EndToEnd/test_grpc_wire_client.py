"""gRPC over HTTP/2 as its protocol document has it, for our client: a server answers its calls
frame by frame, right and wrong, and `interop-client` says what it made of that."""

import concurrent.futures
import gzip
import socket
import subprocess

import hpack
import pytest

from interop import BUILT, SERVICE
from peer import ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PADDED, PATIENCE, \
    PREFACE, REFUSED_STREAM, RST_STREAM, SETTINGS, Peer, frame, settings

GRPC = [(":status", "200"), ("content-type", "application/grpc")]
EMPTY = b"\0\0\0\0\0"
PASSED = "passed empty_unary"


class Callee(Peer):
    """The server's side of one connection."""

    def __init__(self, accepted):
        self.socket = accepted
        self.socket.settimeout(PATIENCE)
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.unread, self.seen = bytearray(), []
        preface = self.socket.recv(len(PREFACE), socket.MSG_WAITALL)
        assert preface == PREFACE
        self.send(settings(), frame(SETTINGS, ACK))

    def request(self):
        """Reads one whole request; its stream."""
        head = self.until(lambda f: f.type == HEADERS)
        if "END_STREAM" not in head.flags:
            self.until(lambda f: f.stream_id == head.stream_id and "END_STREAM" in f.flags)
        return head.stream_id

    def head(self, stream, fields, end=False, flags=END_HEADERS):
        return frame(HEADERS, flags | (END_STREAM if end else 0), stream, self.block(fields))

    def trailers(self, stream, *fields):
        return self.head(stream, fields or [("grpc-status", "0")], end=True)


def call(answer):
    """What the client says of a call that is answered so, and what it sent."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(PATIENCE)

    def serve():
        with Callee(listener.accept()[0]) as callee:
            answer(callee, callee.request())
            while callee.read() is not None:
                pass
            return callee.seen

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        served = pool.submit(serve)
        result = subprocess.run(
            [BUILT / "interop-client", "--port", str(listener.getsockname()[1]),
             "--case", "empty_unary"], capture_output=True, text=True, timeout=PATIENCE,
        )
        seen = served.result(PATIENCE)
    listener.close()
    return result.stdout.strip(), seen


def answers(*fields, body=EMPTY, trailers=(("grpc-status", "0"),)):
    """An answer with these fields beside those that it must have."""
    def answer(callee, stream):
        callee.send(
            callee.head(stream, [*GRPC, *fields]), frame(DATA, 0, stream, body),
            callee.trailers(stream, *trailers),
        )
    return answer


def only(*fields):
    def answer(callee, stream):
        callee.send(callee.head(stream, fields, end=True))
    return answer


# What it sends


def test_a_request_has_the_fields_that_grpc_wants():
    said, seen = call(answers())
    assert said == PASSED
    (head,) = [f for f in seen if f.type == HEADERS]
    names = [name for name, _ in head.fields]
    assert names[:4] == sorted(names[:4], key=lambda n: not n.startswith(":"))
    fields = dict(head.fields)
    assert len(fields) == len(names) and all(name == name.lower() for name in names)
    assert (fields[":method"], fields[":scheme"]) == ("POST", "http")
    assert fields[":path"] == SERVICE + "EmptyCall"
    assert (fields["te"], fields["content-type"]) == ("trailers", "application/grpc")
    assert fields["grpc-accept-encoding"] == "identity,deflate,gzip"
    assert fields["user-agent"].startswith("apus")
    assert "grpc-encoding" not in fields and "grpc-timeout" not in fields
    body = b"".join(f.data for f in seen if f.type == DATA)
    assert body == EMPTY


# What it understands


def in_pieces(callee, stream):
    callee.send(callee.head(stream, GRPC))
    for index in range(len(EMPTY)):
        callee.send(frame(DATA, 0, stream, EMPTY[index:index + 1]), frame(DATA, 0, stream))
    callee.send(callee.trailers(stream))


def padded(callee, stream):
    callee.send(
        callee.head(stream, GRPC), frame(DATA, PADDED, stream, b"\x07" + EMPTY + b"\0" * 7),
        callee.trailers(stream),
    )


def continued(callee, stream):
    block = callee.block([*GRPC, ("x-long", "v" * 300)])
    callee.send(
        frame(HEADERS, 0, stream, block[:9]), frame(CONTINUATION, 0, stream, block[9:100]),
        frame(CONTINUATION, END_HEADERS, stream, block[100:]), frame(DATA, 0, stream, EMPTY),
        callee.trailers(stream),
    )


def informed(callee, stream):
    callee.send(callee.head(stream, [(":status", "103"), ("link", "<x>")]))
    answers()(callee, stream)


def refused_first(callee, stream):
    callee.send(frame(RST_STREAM, 0, stream, REFUSED_STREAM.to_bytes(4, "big")))
    answers()(callee, callee.request())


@pytest.mark.parametrize("answer", [
    answers(), in_pieces, padded, continued, informed, refused_first,
    answers(("grpc-encoding", "identity")), answers(("grpc-encoding", "gzip")),
    answers(("content-type-extra", "x"), trailers=(("x-a", "1"), ("grpc-status", "0"))),
    answers(trailers=(("grpc-status", "0"), ("grpc-message", "all well"))),
    answers(body=b"\x01\0\0\0\x14" + gzip.compress(b""), *[("grpc-encoding", "gzip")]),
], ids=range(11))
def test_every_right_answer_is_understood(answer):
    assert call(answer)[0] == PASSED


# What it makes of wrong ones


def without_status(callee, stream):
    callee.send(
        callee.head(stream, GRPC), frame(DATA, 0, stream, EMPTY),
        callee.trailers(stream, ("x-a", "1")),
    )


def ended_by_data(callee, stream):
    callee.send(callee.head(stream, GRPC), frame(DATA, END_STREAM, stream, EMPTY))


def reset(code):
    def answer(callee, stream):
        callee.send(
            callee.head(stream, GRPC), frame(RST_STREAM, 0, stream, code.to_bytes(4, "big")))
    return answer


def html(status):
    def answer(callee, stream):
        callee.send(
            callee.head(stream, [(":status", status), ("content-type", "text/html")]),
            frame(DATA, END_STREAM, stream, b"<html>sorry</html>"),
        )
    return answer


@pytest.mark.parametrize("code, answer", [
    # gRPC's http-grpc-status-mapping
    ("INTERNAL", html("400")), ("UNAUTHENTICATED", html("401")),
    ("PERMISSION_DENIED", html("403")), ("UNIMPLEMENTED", html("404")),
    ("UNAVAILABLE", html("429")), ("UNAVAILABLE", html("502")), ("UNAVAILABLE", html("503")),
    ("UNAVAILABLE", html("504")), ("UNKNOWN", html("418")), ("UNKNOWN", html("200")),
    # A status of gRPC's own counts before HTTP's.
    ("NOT_FOUND", only((":status", "503"), ("content-type", "application/grpc"),
                       ("grpc-status", "5"))),
    # Resets
    ("INTERNAL", reset(0)), ("INTERNAL", reset(1)), ("INTERNAL", reset(2)), ("INTERNAL", reset(3)),
    ("CANCELLED", reset(8)), ("RESOURCE_EXHAUSTED", reset(11)), ("PERMISSION_DENIED", reset(12)),
    # Statuses
    ("INTERNAL", without_status), ("INTERNAL", ended_by_data),
    ("UNKNOWN", only(*GRPC, ("grpc-status", "x"))), ("UNKNOWN", only(*GRPC, ("grpc-status", "99"))),
    ("ABORTED: a %zz b", only(*GRPC, ("grpc-status", "10"), ("grpc-message", "a %zz b"))),
    ("ABORTED: 100% ☺", only(*GRPC, ("grpc-status", "10"), ("grpc-message", "100%25 %E2%98%BA"))),
    # Messages
    ("UNIMPLEMENTED", only(*GRPC, ("grpc-status", "0"))),
    ("UNIMPLEMENTED", answers(body=EMPTY + EMPTY)), ("INTERNAL", answers(body=b"\0\0\0\0\x02x")),
    ("INTERNAL", answers(body=b"\x02\0\0\0\0")),
    ("RESOURCE_EXHAUSTED", answers(body=b"\0\x7f\xff\xff\xff")),
    # Compression
    ("INTERNAL", answers(body=b"\x01\0\0\0\0")), ("INTERNAL", answers(("grpc-encoding", "br"))),
    ("INTERNAL", answers(("grpc-encoding", "gzip"), body=b"\x01\0\0\0\x03abc")),
])
def test_a_wrong_answer_ends_the_call_with_the_right_status(code, answer):
    said, _ = call(answer)
    assert said.startswith(f"FAILED empty_unary: {code}"), said
