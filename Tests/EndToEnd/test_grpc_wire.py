"""gRPC over HTTP/2 as its protocol document has it, frame by frame, against `interop-server`."""

import base64
import gzip
import re
import zlib

import pytest

from interop import ECHO_INITIAL, ECHO_TRAILING, SERVICE, InteropServer
from interop_stubs import messages_pb2
from peer import DATA, END_HEADERS, END_STREAM, HEADERS, NO_ERROR, PROTOCOL_ERROR, RST_STREAM, \
    WINDOW_UPDATE, Peer, frame, number

OK, UNKNOWN, INVALID_ARGUMENT, DEADLINE, EXHAUSTED, UNIMPLEMENTED, INTERNAL = \
    "0", "2", "3", "4", "8", "12", "13"


@pytest.fixture(scope="module")
def server():
    made = InteropServer()
    yield made
    made.close()


@pytest.fixture
def wire(server):
    with Caller(server, INITIAL_WINDOW_SIZE=1 << 20) as made:
        made.send(frame(WINDOW_UPDATE, 0, 0, number(1 << 24)))
        yield made


class Answer:
    def __init__(self, frames):
        self.frames = frames
        blocks = [f for f in frames if f.type == HEADERS]
        self.headers = dict(blocks[0].fields)
        self.trailers = dict(blocks[-1].fields)
        self.is_trailers_only = len(blocks) == 1
        self.repeated = [(k, v) for f in blocks for k, v in f.fields]
        self.body = b"".join(f.data for f in frames if f.type == DATA)

    @property
    def status(self):
        return self.trailers.get("grpc-status")

    @property
    def messages(self):
        """Flag and bytes of each message."""
        found, rest = [], self.body
        while rest:
            size = int.from_bytes(rest[1:5], "big")
            found.append((rest[0], rest[5:5 + size]))
            rest = rest[5 + size:]
        return found


class Caller(Peer):
    def start(self, method, *more, content_type="application/grpc", te=("te", "trailers"),
              http_method="POST", path=None, end=False):
        """Opens a call; its stream."""
        path = SERVICE + method if path is None else path
        fields = self.fields(http_method, path, *([te] if te else []),
                             ("content-type", content_type), *more)
        return self.headers(fields, end=end)

    def data(self, stream, payload, end=False):
        chunks = [payload[i:i + 16384] for i in range(0, len(payload), 16384)] or [b""]
        for index, chunk in enumerate(chunks):
            last = end and index == len(chunks) - 1
            self.send(frame(DATA, END_STREAM if last else 0, stream, chunk))

    def ended(self, stream):
        """Reads to the end of the stream's answer."""
        frames = []
        while True:
            found = self.until(lambda f: f.stream_id == stream and f.type != WINDOW_UPDATE)
            assert found.type in (HEADERS, DATA), f"no answer but {found}"
            frames.append(found)
            if "END_STREAM" in found.flags:
                return Answer(frames)

    def call(self, method, *messages, more=(), **options):
        stream = self.start(method, *more, **options)
        self.data(stream, b"".join(messages), end=True)
        return self.ended(stream)


def framed(message, flag=0):
    message = message if isinstance(message, bytes) else message.SerializeToString()
    return bytes([flag]) + len(message).to_bytes(4, "big") + message


def zeros(count):
    return messages_pb2.Payload(body=b"\0" * count)


def simple(size=10, **fields):
    return messages_pb2.SimpleRequest(response_size=size, **fields)


def echo(code, message=""):
    return simple(response_status=messages_pb2.EchoStatus(code=code, message=message))


EMPTY = framed(b"")


# The course of a response


def test_a_call_is_answered_with_headers_messages_and_trailers(wire):
    answer = wire.call("UnaryCall", framed(simple()))
    kinds = [f.type for f in answer.frames]
    assert kinds[0] == HEADERS and kinds[-1] == HEADERS and DATA in kinds[1:-1]
    assert answer.headers == {":status": "200", "content-type": "application/grpc"}
    assert answer.trailers == {"grpc-status": OK}
    ((flag, message),) = answer.messages
    assert flag == 0 and messages_pb2.SimpleResponse.FromString(message).payload == zeros(10)


def test_a_call_that_fails_at_once_gets_trailers_alone(wire):
    for answer in (
        wire.call("UnimplementedCall", EMPTY), wire.call("UnaryCall", framed(echo(5, "not here"))),
    ):
        assert answer.is_trailers_only and answer.body == b""
        assert answer.headers[":status"] == "200"
        assert answer.headers["content-type"].startswith("application/grpc")
    assert (answer.status, answer.trailers["grpc-message"]) == ("5", "not here")


@pytest.mark.parametrize("message, encoded", [
    ("plain ~ text", "plain ~ text"), ("100%", "100%25"), ("a\nb\tc", "a%0Ab%09c"),
    ("smörgås ☺ 😈", "sm%C3%B6rg%C3%A5s %E2%98%BA %F0%9F%98%88"), (" x ", "%20x%20"), ("", None),
])
def test_the_status_message_is_percent_encoded(wire, message, encoded):
    answer = wire.call("UnaryCall", framed(echo(2, message)))
    assert answer.status == UNKNOWN and answer.trailers.get("grpc-message") == encoded


def test_an_early_end_is_followed_by_a_reset_without_error(wire):
    stream = wire.start("UnimplementedCall")
    assert wire.ended(stream).status == UNIMPLEMENTED
    reset = wire.until(lambda f: f.stream_id == stream)
    assert (reset.type, reset.error_code) == (RST_STREAM, NO_ERROR)
    late = wire.start("FullDuplexCall")
    request = messages_pb2.StreamingOutputCallRequest(
        response_status=messages_pb2.EchoStatus(code=9))
    wire.data(late, framed(request))
    assert wire.ended(late).status == "9"
    reset = wire.until(lambda f: f.stream_id == late)
    assert (reset.type, reset.error_code) == (RST_STREAM, NO_ERROR)
    wire.works()


# What a request may look like


@pytest.mark.parametrize("content_type", [
    "application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8",
])
def test_a_call_may_name_its_encoding_of_messages(wire, content_type):
    assert wire.call("EmptyCall", EMPTY, content_type=content_type).status == OK


@pytest.mark.parametrize("content_type", ["application/json", "application/grpcweb", "text/plain"])
def test_what_is_no_grpc_gets_415(wire, content_type):
    stream = wire.start("EmptyCall", content_type=content_type, end=True)
    answer = wire.ended(stream)
    assert answer.headers[":status"] == "415" and answer.status is None


def test_te_may_be_missing_and_may_say_nothing_but_trailers(wire):
    assert wire.call("EmptyCall", EMPTY, te=None).status == OK
    wire.is_reset(wire.start("EmptyCall", te=("te", "gzip")), PROTOCOL_ERROR)


@pytest.mark.parametrize("http_method", ["GET", "PUT", "DELETE", "OPTIONS"])
def test_a_call_is_a_post(wire, http_method):
    answer = wire.ended(wire.start("EmptyCall", http_method=http_method, end=True))
    assert answer.headers[":status"] == "405" and answer.status is None


@pytest.mark.parametrize("path", [
    "/", "/grpc.testing.TestService", "/grpc.testing.TestService/", "//EmptyCall",
    "/grpc.testing.testservice/EmptyCall", "/grpc.testing.TestService/emptycall",
    "/grpc.testing.TestService/EmptyCall/", "/grpc.testing.TestService/EmptyCall?x=1",
    "/grpc.testing.UnimplementedService/UnimplementedCall", "/" + "x" * 4000,
])
def test_a_path_without_a_method_is_unimplemented(wire, path):
    assert wire.call("", EMPTY, path=path).status == UNIMPLEMENTED
    assert wire.call("EmptyCall", EMPTY).status == OK


@pytest.mark.parametrize("timeout", ["1n", "1u", "1m", "0S", "00000001m", "0n"])
def test_a_timeout_is_kept_in_every_unit(wire, timeout):
    stream = wire.start("FullDuplexCall", ("grpc-timeout", timeout))
    assert wire.ended(stream).status == DEADLINE


@pytest.mark.parametrize("timeout", ["99999999S", "99999999M", "99999999H", "00000100S", "9H"])
def test_a_timeout_of_any_length_does_no_harm(wire, timeout):
    assert wire.call("EmptyCall", EMPTY, more=[("grpc-timeout", timeout)]).status == OK


@pytest.mark.parametrize("timeout", ["", "1", "S", "1s", "123456789S", "-1S", "1.5S", "0x1S"])
def test_a_timeout_that_is_none_ends_the_call(wire, timeout):
    answer = wire.call("EmptyCall", EMPTY, more=[("grpc-timeout", timeout)])
    assert answer.status == INTERNAL and answer.is_trailers_only


# Metadata


def test_binary_metadata_comes_padded_or_not_alone_or_in_a_list(wire):
    values = [b"", b"\xab", b"\xab\xab", b"\xab\xab\xab", bytes(range(256))]
    padded = [base64.b64encode(v).decode() for v in values]
    bare = [text.rstrip("=") for text in padded]
    for sent in (padded, bare, [",".join(padded)], [", ".join(bare)], [padded[1], bare[2]]):
        answer = wire.call("EmptyCall", EMPTY, more=[(ECHO_TRAILING, text) for text in sent])
        got = [v for k, v in answer.repeated if k == ECHO_TRAILING]
        assert answer.status == OK
        assert got == [t for t in bare if len(sent) > 2 or "," in sent[0] or t in bare[1:3]]


def test_binary_metadata_that_is_no_base64_is_left_out(wire):
    answer = wire.call("EmptyCall", EMPTY, more=[(ECHO_TRAILING, "!?"), (ECHO_TRAILING, "qw")])
    assert [v for k, v in answer.repeated if k == ECHO_TRAILING] == ["qw"]


def test_text_metadata_comes_back_in_its_order(wire):
    sent = ["first", "second, third", "~!@#$%^&*() \"'"]
    answer = wire.call("EmptyCall", EMPTY, more=[(ECHO_INITIAL, value) for value in sent])
    assert [v for k, v in answer.repeated if k == ECHO_INITIAL] == sent


def test_a_value_beyond_ascii_does_not_end_the_call(wire):
    assert wire.call("EmptyCall", EMPTY, more=[(ECHO_INITIAL, b"sm\xc3\xb6r")]).status == OK


# Messages


def test_a_message_may_come_byte_by_byte(wire):
    stream = wire.start("UnaryCall")
    body = framed(simple(5))
    for index in range(len(body)):
        wire.data(stream, body[index:index + 1])
        wire.data(stream, b"")
    wire.data(stream, b"", end=True)
    answer = wire.ended(stream)
    assert answer.status == OK and len(answer.messages) == 1


def test_messages_may_be_cut_anywhere(wire):
    requests = [messages_pb2.StreamingInputCallRequest(payload=zeros(n)) for n in (3, 0, 7)]
    body = b"".join(map(framed, requests))
    for cut in range(len(body) + 1):
        stream = wire.start("StreamingInputCall")
        wire.data(stream, body[:cut])
        wire.data(stream, body[cut:], end=True)
        answer = wire.ended(stream)
        ((_, message),) = answer.messages
        total = messages_pb2.StreamingInputCallResponse.FromString(message)
        assert (answer.status, total.aggregated_payload_size) == (OK, 10), cut


def test_trailers_end_a_request_too(wire):
    stream = wire.start("UnaryCall")
    wire.data(stream, framed(simple()))
    block = wire.block([("x-checksum", "1")])
    wire.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, block))
    assert wire.ended(stream).status == OK


@pytest.mark.parametrize("method", ["UnaryCall", "StreamingOutputCall"])
def test_a_request_that_must_be_one_message_is_refused_with_none_or_two(wire, method):
    assert wire.ended(wire.start(method, end=True)).status == UNIMPLEMENTED
    assert wire.call(method).status == UNIMPLEMENTED
    assert wire.call(method, EMPTY, EMPTY).status == UNIMPLEMENTED


@pytest.mark.parametrize("size", [1, 300_000, 4_000_000])
def test_a_second_message_is_refused_with_its_first_byte(wire, size):
    for sent in (1, 5, 6):
        stream = wire.start("UnaryCall")
        second = b"\0" + size.to_bytes(4, "big") + b"x"
        wire.data(stream, framed(simple()) + second[:sent])
        assert wire.ended(stream).status == UNIMPLEMENTED


def test_a_request_that_ends_within_a_message_is_internal(wire):
    for body in (b"\0", b"\0\0\0\0", b"\0\0\0\0\x01", framed(simple())[:-1]):
        assert wire.call("UnaryCall", body).status == INTERNAL
        assert wire.call("FullDuplexCall", body).status == INTERNAL


def test_a_message_over_the_limit_is_refused_by_its_head(wire):
    stream = wire.start("UnaryCall")
    wire.data(stream, b"\0\x7f\xff\xff\xff")
    assert wire.ended(stream).status == EXHAUSTED


# Compression

PACK = {"gzip": gzip.compress, "deflate": zlib.compress}
UNPACK = {"gzip": gzip.decompress, "deflate": zlib.decompress}


def packed(encoding, message):
    return framed(PACK[encoding](message.SerializeToString()), flag=1)


@pytest.mark.parametrize("encoding", PACK)
def test_a_compressed_request_is_understood(wire, encoding):
    more = [("grpc-encoding", encoding)]
    yes = simple(expect_compressed=messages_pb2.BoolValue(value=True), payload=zeros(271828))
    no = simple(expect_compressed=messages_pb2.BoolValue(value=False))
    assert wire.call("UnaryCall", packed(encoding, yes), more=more).status == OK
    assert wire.call("UnaryCall", framed(no), more=more).status == OK
    yes.ClearField("payload")
    assert wire.call("UnaryCall", framed(yes), more=more).status == INVALID_ARGUMENT


@pytest.mark.parametrize("encoding", PACK)
def test_each_message_of_a_stream_is_compressed_or_not(wire, encoding):
    def request(size, compressed):
        return messages_pb2.StreamingInputCallRequest(
            payload=zeros(size), expect_compressed=messages_pb2.BoolValue(value=compressed))

    answer = wire.call(
        "StreamingInputCall", packed(encoding, request(27182, True)), framed(request(45904, False)),
        more=[("grpc-encoding", encoding)])
    total = messages_pb2.StreamingInputCallResponse.FromString(answer.messages[0][1])
    assert (answer.status, total.aggregated_payload_size) == (OK, 73086)


@pytest.mark.parametrize("accepted, encoding", [
    ("gzip", "gzip"), ("deflate", "deflate"), ("identity, deflate, gzip", "gzip"),
    ("br,deflate", "deflate"),
])
def test_a_compressed_response_says_so(wire, accepted, encoding):
    yes, no = (messages_pb2.BoolValue(value=value) for value in (True, False))
    more = [("grpc-accept-encoding", accepted)]
    answer = wire.call("UnaryCall", framed(simple(50000, response_compressed=yes)), more=more)
    assert answer.status == OK and answer.headers["grpc-encoding"] == encoding
    ((flag, message),) = answer.messages
    response = messages_pb2.SimpleResponse.FromString(UNPACK[encoding](message))
    assert flag == 1 and response.payload == zeros(50000)
    request = messages_pb2.StreamingOutputCallRequest(response_parameters=[
        messages_pb2.ResponseParameters(size=31415, compressed=yes),
        messages_pb2.ResponseParameters(size=92653, compressed=no),
        messages_pb2.ResponseParameters(size=9, compressed=yes),
    ])
    answer = wire.call("StreamingOutputCall", framed(request), more=more)
    flags = [flag for flag, _ in answer.messages]
    assert flags[:2] == [1, 0], "as asked; the third would not shrink"
    assert len(UNPACK[encoding](answer.messages[0][1])) > 31415 > len(answer.messages[0][1])
    assert len(answer.messages[1][1]) > 92653


@pytest.mark.parametrize("more", [
    [], [("grpc-accept-encoding", "identity")], [("grpc-accept-encoding", "br, zstd")],
])
def test_a_client_that_takes_no_compression_gets_none(wire, more):
    yes = messages_pb2.BoolValue(value=True)
    answer = wire.call("UnaryCall", framed(simple(50000, response_compressed=yes)), more=more)
    assert answer.status == OK and answer.messages[0][0] == 0
    assert "grpc-encoding" not in answer.headers


def test_an_answer_says_nothing_of_compression_unless_it_matters(wire):
    more = [("grpc-accept-encoding", "gzip")]
    answer = wire.call("EmptyCall", EMPTY, more=more)
    assert not [k for k, _ in answer.repeated if "encoding" in k]
    answer = wire.call("EmptyCall", EMPTY, more=[("grpc-encoding", "gzip")])
    accepted = set(re.split(", *", answer.headers["grpc-accept-encoding"]))
    assert accepted == {"identity", "deflate", "gzip"}


@pytest.mark.parametrize("encoding", ["br", "snappy", "GZIP", "gzip, gzip", ""])
def test_an_unknown_encoding_is_refused_with_those_that_are_known(wire, encoding):
    answer = wire.call("EmptyCall", EMPTY, more=[("grpc-encoding", encoding)])
    assert answer.status == UNIMPLEMENTED
    assert answer.headers["grpc-accept-encoding"] == "identity,deflate,gzip"


@pytest.mark.parametrize("more", [[], [("grpc-encoding", "identity")]])
def test_a_compressed_message_nobody_announced_is_internal(wire, more):
    assert wire.call("UnaryCall", packed("gzip", simple()), more=more).status == INTERNAL


@pytest.mark.parametrize("encoding", PACK)
def test_a_damaged_message_is_internal(wire, encoding):
    whole = PACK[encoding](simple(payload=zeros(1000)).SerializeToString())
    other = PACK["gzip" if encoding == "deflate" else "deflate"](b"")
    for bad in (b"", whole[:-1], whole + b"\0", whole + whole, b"\0" * 20, other, whole[::-1]):
        answer = wire.call("UnaryCall", framed(bad, flag=1), more=[("grpc-encoding", encoding)])
        assert answer.status == INTERNAL, bad[:10]
    wire.works()


@pytest.mark.parametrize("encoding", PACK)
def test_a_bomb_is_refused(wire, encoding):
    bomb = PACK[encoding](b"\0" * (64 << 20))
    for method in ("UnaryCall", "StreamingInputCall"):
        answer = wire.call(method, framed(bomb, flag=1), more=[("grpc-encoding", encoding)])
        assert answer.status == EXHAUSTED
    wire.works()
