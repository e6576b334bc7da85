"""An HTTP/2 peer that follows no rule unless a test wants it to: frames go out as the test spells
them, and what comes back is read frame by frame (RFC 9113 §4)."""

import socket

import hpack
from hyperframe.frame import Frame

# Longer than any answer takes; a test that needs it all has found a hang.
PATIENCE = 30
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, \
    CONTINUATION = range(10)
# Flags; ACK and END_STREAM share a bit.
ACK = END_STREAM = 0x1
END_HEADERS, PADDED, PRIORITISED = 0x4, 0x8, 0x20
# SETTINGS (§6.5.2)
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, \
    MAX_HEADER_LIST_SIZE = range(1, 7)
# Error codes (§7)
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, \
    FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, \
    ENHANCE_YOUR_CALM, INADEQUATE_SECURITY, HTTP_1_1_REQUIRED = range(14)
LARGEST_WINDOW = 2**31 - 1


def frame(kind, flags=0, stream=0, payload=b"", length=None):
    """A frame's bytes; `length` says something else than the payload's own."""
    length = len(payload) if length is None else length
    return length.to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def settings(**values):
    """A SETTINGS frame, by the names above."""
    return frame(SETTINGS, payload=b"".join(
        globals()[name].to_bytes(2, "big") + value.to_bytes(4, "big")
        for name, value in values.items()
    ))


def number(value):
    return value.to_bytes(4, "big")


def priority(depends_on=0, weight=16, exclusive=False):
    """The five bytes of RFC 7540's priority; RFC 9113 §5.3 leaves them without meaning."""
    return number(depends_on | (1 << 31 if exclusive else 0)) + bytes([weight - 1])


class Peer:
    """One connection. The handshake is done when it is made, unless a test says otherwise."""

    def __init__(self, node, handshake=True, **values):
        host, port = node.address.rsplit(":", 1)
        self.authority = node.address
        self.socket = socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.unread = bytearray()
        self.seen = []
        self.next_stream = 1
        self.settings = {}
        if handshake:
            self.shake_hands(**values)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def shake_hands(self, **values):
        """Both prefaces, both acknowledgements (§3.4)."""
        self.send(PREFACE, settings(**values))
        first = self.read()
        assert first.type == SETTINGS and "ACK" not in first.flags, "the server's preface"
        self.settings = first.settings
        self.send(frame(SETTINGS, ACK))
        self.until(lambda f: f.type == SETTINGS and "ACK" in f.flags)

    def send(self, *frames):
        """Sends frames as they are; the server may have closed already."""
        try:
            self.socket.sendall(b"".join(frames))
        except (BrokenPipeError, ConnectionResetError):
            pass  # what it said before is still read

    def read(self):
        """The next frame; None at the connection's end."""
        while len(self.unread) < 9 or len(self.unread) < 9 + self.length():
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                assert not self.unread, "the connection ended within a frame"
                return None
            self.unread += data
        length = self.length()
        parsed, _ = Frame.parse_frame_header(memoryview(bytes(self.unread[:9])))
        parsed.parse_body(memoryview(bytes(self.unread[9:9 + length])))
        del self.unread[:9 + length]
        if parsed.type in (HEADERS, CONTINUATION):
            assert "END_HEADERS" in parsed.flags, "no header block here needs a second frame"
            parsed.fields = self.decoder.decode(parsed.data)
        self.seen.append(parsed)
        return parsed

    def length(self):
        return int.from_bytes(self.unread[:3], "big")

    def until(self, wanted):
        """Reads up to the first frame that is wanted."""
        while (found := self.read()) is not None:
            if wanted(found):
                return found
        raise AssertionError(f"closed before that frame; seen: {self.seen}")

    # Requests

    def fields(self, method="GET", path="/healthz", *more):
        return [(":method", method), (":scheme", "http"), (":authority", self.authority),
                (":path", path), *more]

    def block(self, fields=None, huffman=True):
        """A header block; the compression context of this connection goes with it."""
        return self.encoder.encode(self.fields() if fields is None else fields, huffman=huffman)

    def new_stream(self):
        self.next_stream += 2
        return self.next_stream - 2

    def headers(self, fields=None, end=True, stream=None):
        """Opens a stream with one HEADERS frame; its number."""
        stream = self.new_stream() if stream is None else stream
        self.send(frame(
            HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, self.block(fields)
        ))
        return stream

    def open_stream(self):
        """A stream that both sides have open: its answer is held back by a window of 0, so the
        connection must have been made with `INITIAL_WINDOW_SIZE=0`."""
        stream = self.headers(self.fields("POST"), end=False)
        self.until(lambda f: f.type == HEADERS and f.stream_id == stream)
        return stream

    def half_closed_stream(self):
        """The same after our END_STREAM: half-closed (remote) for the server."""
        stream = self.headers()
        self.until(lambda f: f.type == HEADERS and f.stream_id == stream)
        return stream

    def closed_stream(self):
        """A stream that ended in good order on both sides."""
        stream = self.headers()
        assert self.answer(stream)[0] == "200"
        return stream

    # What must follow

    def answer(self, stream):
        """Status and body of a stream's answer."""
        status, body = None, b""
        while True:
            found = self.until(lambda f: f.stream_id == stream or f.type == GOAWAY)
            assert found.type in (HEADERS, DATA), f"no answer but {found}"
            if found.type == HEADERS:
                status = dict(found.fields).get(":status", status)
            else:
                body += found.data
            if "END_STREAM" in found.flags:
                return status, body

    def works(self, window=False):
        """The connection is sound: a request on it is answered.

        - window: Open one for the answer, where the connection has a window of 0.
        """
        stream = self.headers()
        if window:
            self.send(frame(WINDOW_UPDATE, 0, stream, number(1000)))
        assert self.answer(stream) == ("200", b"ok\n")

    def round_trip(self):
        """Everything sent so far has been dealt with: SETTINGS are acknowledged after it. (Too many
        PINGs would be one more break of rules.)"""
        self.send(frame(SETTINGS))
        self.until(lambda f: f.type == SETTINGS and "ACK" in f.flags)

    def ignores(self):
        """What was sent is ignored: no reset, no GOAWAY, and the connection goes on."""
        before = len(self.seen)
        self.round_trip()
        strange = [f for f in self.seen[before:] if f.type in (RST_STREAM, GOAWAY)]
        assert not strange, strange

    def is_reset(self, stream, *codes, window=False):
        """A stream error (§5.4.2): that stream alone is reset."""
        found = self.until(lambda f: f.type in (RST_STREAM, GOAWAY))
        assert found.type == RST_STREAM and found.stream_id == stream, found
        assert found.error_code in codes, f"code {found.error_code}, not {codes}"
        self.works(window)

    def is_cut_off(self, *codes):
        """A connection error (§5.4.1): GOAWAY with one of the codes, then the end."""
        last = None
        while (found := self.read()) is not None:
            if found.type == GOAWAY:
                last = found
        assert last is not None, f"closed without a GOAWAY; seen: {self.seen}"
        assert last.error_code in codes, f"code {last.error_code}, not {codes}"
        return last
