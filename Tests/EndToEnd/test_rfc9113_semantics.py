"""RFC 9113 §7 and §8: error codes, and requests that are HTTP or aren't (§8.1.1)."""

import pytest

from peer import (
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PROTOCOL_ERROR, RST_STREAM,
    frame, number,
)


def without(fields, name):
    return [field for field in fields if field[0] != name]


# §7 Error Codes


@pytest.mark.parametrize("code", [*range(15), 0xFF, 2**32 - 1])
def test_a_reset_may_have_any_code(held, code):
    """§7: an unknown one must not trigger any special behaviour."""
    held.send(frame(RST_STREAM, 0, held.open_stream(), number(code)))
    held.ignores()
    held.works(window=True)


# §8.1 HTTP Message Framing


@pytest.mark.parametrize("method, body", [("GET", b"ok\n"), ("HEAD", b"")])
def test_a_request_is_answered(peer, method, body):
    """§8.1: one header section with a status, then the content; END_STREAM at its end."""
    stream = peer.headers(peer.fields(method))
    assert peer.answer(stream) == ("200", body)


def test_answers_are_well_formed(peer):
    """§8.2, §8.2.2, §8.3.2: lower-case names, `:status` first and alone, no connection's fields,
    and a content-length that is the content's."""
    for method, path in [("GET", "/healthz"), ("GET", "/nothing"), ("HEAD", "/healthz")]:
        stream = peer.headers(peer.fields(method, path))
        _, body = peer.answer(stream)
        (fields,) = [f.fields for f in peer.seen if f.type == HEADERS and f.stream_id == stream]
        names = [name for name, _ in fields]
        assert names[0] == ":status" and not [n for n in names[1:] if n.startswith(":")]
        assert all(name == name.lower() for name in names)
        assert not {"connection", "keep-alive", "transfer-encoding", "upgrade"} & set(names)
        length = dict(fields).get("content-length", len(body))
        assert method == "HEAD" or int(length) == len(body)


def test_a_body_may_be_followed_by_trailers(peer):
    """§8.1."""
    stream = peer.headers(peer.fields("POST", "/healthz", ("trailer", "x-sum")), end=False)
    peer.send(
        frame(DATA, 0, stream, b"test"),
        frame(HEADERS, END_HEADERS | END_STREAM, stream, peer.block([("x-sum", "1")])),
    )
    assert peer.answer(stream)[0] in ("200", "405")
    peer.works()


def test_a_second_header_section_that_ends_nothing_is_malformed(held):
    """§8.1: trailers carry END_STREAM."""
    stream = held.open_stream()
    held.send(frame(HEADERS, END_HEADERS, stream, held.block([("x-more", "1")])))
    found = held.until(lambda f: f.type in (RST_STREAM, GOAWAY))
    assert found.error_code == PROTOCOL_ERROR


# §8.1.1, §8.2, §8.3 Malformed requests: each is a stream error of type PROTOCOL_ERROR

MALFORMED = {
    # §8.2.1
    "an upper-case name": lambda f: [*f, ("X-TEST", "ok")],
    "a name with a space": lambda f: [*f, ("x test", "ok")],
    "a name with a control character": lambda f: [*f, ("x\x01test", "ok")],
    "a name with a colon": lambda f: [*f, ("x:test", "ok")],
    "a name beyond ASCII": lambda f: [*f, ("x-t\xe9st", "ok")],
    "an empty name": lambda f: [*f, ("", "ok")],
    "a value with a NUL": lambda f: [*f, ("x-test", "a\0b")],
    "a value with CR": lambda f: [*f, ("x-test", "a\rb")],
    "a value with LF": lambda f: [*f, ("x-test", "a\nb")],
    "a path with a NUL": lambda f: [*without(f, ":path"), (":path", "/\0")],
    # §8.2.2
    "connection": lambda f: [*f, ("connection", "keep-alive")],
    "keep-alive": lambda f: [*f, ("keep-alive", "max=1")],
    "proxy-connection": lambda f: [*f, ("proxy-connection", "keep-alive")],
    "transfer-encoding": lambda f: [*f, ("transfer-encoding", "chunked")],
    "upgrade": lambda f: [*f, ("upgrade", "websocket")],
    "te with other words than trailers": lambda f: [*f, ("te", "trailers, deflate;q=0.5")],
    # §8.3
    "an unknown pseudo field": lambda f: [*f, (":test", "ok")],
    "a response's pseudo field": lambda f: [*f, (":status", "200")],
    "a pseudo field after a regular one": lambda f: [("x-test", "ok"), *f],
    "the path after a regular field": lambda f: [
        *without(f, ":path"), ("x-test", "ok"), (":path", "/healthz")
    ],
    # §8.3.1
    "no method": lambda f: without(f, ":method"),
    "no scheme": lambda f: without(f, ":scheme"),
    "no authority and no host": lambda f: without(f, ":authority"),
    "no path": lambda f: without(f, ":path"),
    "an empty path": lambda f: [*without(f, ":path"), (":path", "")],
    "a path that doesn't begin with a slash": lambda f: [*without(f, ":path"), (":path", "x")],
    "an empty method": lambda f: [*without(f, ":method"), (":method", "")],
    "two methods": lambda f: [*f, (":method", "GET")],
    "two schemes": lambda f: [*f, (":scheme", "http")],
    "two paths": lambda f: [*f, (":path", "/healthz")],
    "two authorities": lambda f: [*f, (":authority", "x")],
    "an asterisk with GET": lambda f: [*without(f, ":path"), (":path", "*")],
    # §8.5
    "CONNECT with a path and a scheme": lambda f: [(":method", "CONNECT"), *f[1:]],
    "CONNECT without an authority": lambda f: [(":method", "CONNECT")],
    # RFC 8441 §4, for a server that did not offer it
    "extended CONNECT": lambda f: [(":method", "CONNECT"), (":protocol", "websocket"), *f[1:]],
    # §8.1.1
    "a content-length that is no number": lambda f: [*f, ("content-length", "1x")],
    "a negative content-length": lambda f: [*f, ("content-length", "-1")],
    "two content-lengths": lambda f: [*f, ("content-length", "0"), ("content-length", "0")],
    "a content-length without content": lambda f: [*f, ("content-length", "1")],
}


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_request_is_reset(peer, what):
    """§8.1.1: and the connection goes on."""
    peer.is_reset(peer.headers(MALFORMED[what](peer.fields())), PROTOCOL_ERROR)


@pytest.mark.parametrize("what", ["an upper-case name", "no path", "an unknown pseudo field"])
def test_a_malformed_request_with_a_body_is_reset_too(peer, what):
    """§8.1.1: before its body has ended."""
    stream = peer.headers(MALFORMED[what](peer.fields("POST")), end=False)
    peer.is_reset(stream, PROTOCOL_ERROR)


@pytest.mark.parametrize("what", ["an upper-case name", "a response's pseudo field"])
def test_a_malformed_request_in_many_frames_is_reset(peer, what):
    """§8.1.1, §6.10."""
    stream = peer.new_stream()
    block = peer.block(MALFORMED[what](peer.fields()))
    peer.send(
        frame(HEADERS, END_STREAM, stream, block[:5]), frame(CONTINUATION, 0, stream, block[5:9]),
        frame(CONTINUATION, END_HEADERS, stream, block[9:]),
    )
    peer.is_reset(stream, PROTOCOL_ERROR)


WELL_FORMED = {
    "te: trailers": [("te", "trailers")],
    "an empty value": [("x-test", "")],
    "a value beyond ASCII": [("x-test", "\xe9")],
    "cookies apart": [("cookie", "a=b"), ("cookie", "c=d")],
    "the same name often": [("x-test", "1"), ("x-test", "2"), ("x-test", "1")],
    "a content-length of nothing": [("content-length", "0")],
    "every character of a token": [("!#$%&'*+-.^_`|~09az", "ok")],
}


@pytest.mark.parametrize("what", WELL_FORMED)
def test_a_request_with_odd_fields_is_answered(peer, what):
    """§8.2: what isn't forbidden is allowed."""
    stream = peer.headers(peer.fields("GET", "/healthz", *WELL_FORMED[what]))
    assert peer.answer(stream) == ("200", b"ok\n")


def test_a_host_field_may_stand_for_the_authority(peer):
    """§8.3.1."""
    fields = without(peer.fields(), ":authority")
    assert peer.answer(peer.headers([*fields, ("host", "localhost")]))[0] == "200"


@pytest.mark.parametrize("fields", [
    [(":path", "/")], [(":status", "200")], [("x-sum", "1"), (":method", "GET")],
    [("X-SUM", "1")], [("connection", "close")],
], ids=str)
def test_malformed_trailers_are_an_error(held, fields):
    """§8.1, §8.3: no pseudo fields in trailers, and the rules of names hold there too."""
    stream = held.open_stream()
    held.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, held.block(fields)))
    held.is_reset(stream, PROTOCOL_ERROR, window=True)


@pytest.mark.parametrize("declared, pieces", [
    (1, [b"test"]), (1, [b"te", b"st"]), (5, [b"test"]), (5, [b"te", b"st"]), (5, [b"", b""]),
    (0, [b"x"]),
], ids=str)
def test_a_body_of_another_length_than_declared_is_malformed(held, declared, pieces):
    """§8.1.1: the DATA payloads' sum is the content-length."""
    stream = held.headers(held.fields("POST", "/healthz", ("content-length", str(declared))),
                          end=False)
    for piece in pieces[:-1]:
        held.send(frame(DATA, 0, stream, piece))
    held.send(frame(DATA, END_STREAM, stream, pieces[-1]))
    held.is_reset(stream, PROTOCOL_ERROR, window=True)


def test_a_body_cut_short_by_trailers_is_malformed(held):
    """§8.1.1."""
    stream = held.headers(held.fields("POST", "/healthz", ("content-length", "9")), end=False)
    held.send(
        frame(DATA, 0, stream, b"test"),
        frame(HEADERS, END_HEADERS | END_STREAM, stream, held.block([("x-sum", "1")])),
    )
    held.is_reset(stream, PROTOCOL_ERROR, window=True)


def test_padding_is_no_content(peer):
    """§8.1.1, §6.1: the content-length counts without it."""
    stream = peer.headers(peer.fields("POST", "/healthz", ("content-length", "4")), end=False)
    peer.send(frame(DATA, 8 | END_STREAM, stream, b"\x03test\0\0\0"))
    assert peer.answer(stream)[0] in ("200", "405")


# §8.5 The CONNECT Method


def test_connect_is_refused_with_a_status(peer):
    """§8.5: well-formed without scheme and path; this server is no proxy."""
    stream = peer.headers([(":method", "CONNECT"), (":authority", "example.org:443")], end=False)
    found = peer.until(lambda f: f.stream_id == stream)
    assert found.type == HEADERS and dict(found.fields)[":status"][0] == "4"
    peer.works()


# §8.7 Request Reliability


def test_the_server_is_done_before_its_client_and_says_so(peer):
    """§8.1: a complete answer before the request's end; NO_ERROR if a reset follows."""
    stream = peer.headers(peer.fields(
        "POST", "/no.such.Service/Method", ("te", "trailers"), ("content-type", "application/grpc")
    ), end=False)
    last = peer.until(lambda f: f.stream_id == stream and "END_STREAM" in f.flags)
    assert last.type == HEADERS
    peer.round_trip()
    for found in peer.seen:
        assert found.type != RST_STREAM or (found.stream_id, found.error_code) == (stream, 0)
    peer.works()
