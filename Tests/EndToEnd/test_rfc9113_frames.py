"""RFC 9113: the preface (§3.4), frames (§4), extensions (§5.5), and the frames of streams (§6.1 to
§6.4, §6.10)."""

import pytest

from peer import (
    ACK, COMPRESSION_ERROR, CONTINUATION, DATA, END_HEADERS, END_STREAM, FRAME_SIZE_ERROR,
    GOAWAY, HEADERS, PADDED, PING, PREFACE, PRIORITISED, PRIORITY, PROTOCOL_ERROR, RST_STREAM,
    SETTINGS, STREAM_CLOSED, WINDOW_UPDATE, Peer, frame, number, priority, settings,
)


# §3.4 HTTP/2 Connection Preface


def test_the_servers_first_frame_is_settings(node):
    """§3.4, before the client has said a word."""
    with Peer(node, handshake=False) as peer:
        first = peer.read()
        assert (first.type, first.stream_id, list(first.flags)) == (SETTINGS, 0, [])


def test_requests_need_not_wait_for_the_servers_preface(node):
    """§3.4: a client may send frames right after its own."""
    with Peer(node, handshake=False) as peer:
        stream = peer.new_stream()
        peer.send(
            PREFACE + settings()
            + frame(HEADERS, END_HEADERS | END_STREAM, stream, peer.block())
        )
        assert peer.answer(stream) == ("200", b"ok\n")


def test_the_preface_may_come_byte_by_byte(node):
    """§3.4, however TCP cuts it."""
    with Peer(node, handshake=False) as peer:
        for byte in PREFACE + settings():
            peer.send(bytes([byte]))
        peer.works()


@pytest.mark.parametrize("start", [
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r", b"INVALID CONNECTION PREFACE\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
])
def test_a_wrong_preface_ends_the_connection(node, start):
    """§3.4: PROTOCOL_ERROR; a GOAWAY may be left out."""
    with Peer(node, handshake=False) as peer:
        peer.send(start)
        while (found := peer.read()) is not None:
            assert found.type != GOAWAY or found.error_code == PROTOCOL_ERROR


@pytest.mark.parametrize("first", [
    frame(PING, payload=b"8 octets"), frame(SETTINGS, ACK), frame(WINDOW_UPDATE, 0, 0, number(1)),
], ids=["PING", "an ACK", "WINDOW_UPDATE"])
def test_a_preface_without_settings_ends_the_connection(node, first):
    """§3.4: a SETTINGS frame must be first."""
    with Peer(node, handshake=False) as peer:
        peer.send(PREFACE + first)
        peer.is_cut_off(PROTOCOL_ERROR)


# §4.1 Frame Format


@pytest.mark.parametrize("stream", [0, 1])
@pytest.mark.parametrize("kind", [0x16, 0x42, 0xFF])
def test_frames_of_unknown_type_are_ignored(peer, kind, stream):
    """§4.1, §5.5."""
    peer.send(frame(kind, 0xFF, stream, b"\0" * 8))
    peer.ignores()
    peer.works()


def test_an_unknown_frame_on_an_open_stream_is_ignored(held):
    """§5.5."""
    stream = held.open_stream()
    held.send(frame(0x16, 0, stream, b"\0" * 8))
    held.ignores()


def test_undefined_flags_are_ignored(peer):
    """§4.1."""
    peer.send(frame(PING, 0x16, 0, b"8 octets"))
    assert peer.until(lambda f: f.type == PING and "ACK" in f.flags).opaque_data == b"8 octets"
    stream = peer.new_stream()
    peer.send(frame(HEADERS, END_HEADERS | END_STREAM | 0xD2, stream, peer.block()))
    assert peer.answer(stream)[0] == "200"


def test_the_reserved_bit_is_ignored(peer):
    """§4.1."""
    peer.send(frame(PING, 0, 1 << 31, b"8 octets"))
    peer.until(lambda f: f.type == PING and "ACK" in f.flags)
    stream = peer.new_stream()
    peer.send(frame(HEADERS, END_HEADERS | END_STREAM, stream | 1 << 31, peer.block()))
    assert peer.answer(stream)[0] == "200"


def test_frames_may_come_byte_by_byte(peer):
    """§4.1: TCP keeps no boundaries."""
    stream = peer.new_stream()
    for byte in frame(HEADERS, END_HEADERS | END_STREAM, stream, peer.block()):
        peer.send(bytes([byte]))
    assert peer.answer(stream)[0] == "200"


# §4.2 Frame Size


def test_a_frame_of_16384_bytes_is_taken(peer):
    """§4.2: no server may ask for less."""
    stream = peer.headers(peer.fields("POST"), end=False)
    peer.send(frame(DATA, END_STREAM, stream, b"\0" * 16384))
    assert peer.answer(stream)[0] in ("200", "405")
    peer.works()


@pytest.mark.parametrize("kind, flags, on_stream", [
    (DATA, 0, True), (HEADERS, END_HEADERS, False), (PING, 0, False), (SETTINGS, 0, False),
    (GOAWAY, 0, False), (0x42, 0, False),
], ids=["DATA", "HEADERS", "PING", "SETTINGS", "GOAWAY", "unknown"])
def test_a_frame_over_the_limit_ends_the_connection(held, kind, flags, on_stream):
    """§4.2: FRAME_SIZE_ERROR; what belongs to the compression state or the connection can't be
    a mere stream error, and a server may make all of it a connection error."""
    stream = held.open_stream() if on_stream else (held.new_stream() if kind == HEADERS else 0)
    size = held.settings.get(5, 16384) + 1
    held.send(frame(kind, flags, stream, b"\0" * size))
    held.is_cut_off(FRAME_SIZE_ERROR)


def test_answers_keep_to_the_peers_frame_size(peer):
    """§4.2: no frame is over SETTINGS_MAX_FRAME_SIZE, 16,384 bytes unless we raise it."""
    peer.works()
    assert all(f.body_len <= 16384 for f in peer.seen)


# §4.3 Field Section Compression and Decompression


def test_a_field_block_that_cannot_be_decoded_ends_the_connection(peer):
    """§4.3: COMPRESSION_ERROR."""
    peer.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\xff" * 12))
    peer.is_cut_off(COMPRESSION_ERROR)


def test_the_field_block_of_a_refused_stream_still_counts(peer):
    """§4.3: a receiver decodes every block, or later ones mean something else."""
    kept = ("x-kept", "in the table")
    no_path = [field for field in peer.fields() if field[0] != ":path"]
    stream = peer.headers([*no_path, kept])
    peer.until(lambda f: f.type == RST_STREAM and f.stream_id == stream)
    later = peer.headers(peer.fields("GET", "/healthz", kept))
    assert peer.answer(later) == ("200", b"ok\n")


INTERRUPTIONS = {
    "PRIORITY": lambda peer: frame(PRIORITY, 0, 1, priority()),
    "PING": lambda peer: frame(PING, payload=b"8 octets"),
    "SETTINGS": lambda peer: settings(),
    "DATA": lambda peer: frame(DATA, END_STREAM, 1, b"x"),
    "RST_STREAM": lambda peer: frame(RST_STREAM, 0, 1, number(8)),
    "HEADERS of the same stream": lambda peer: frame(HEADERS, END_HEADERS, 1, peer.block()),
    "HEADERS of another stream": lambda peer: frame(HEADERS, END_HEADERS, 3, peer.block()),
    "CONTINUATION of another stream": lambda peer: frame(CONTINUATION, END_HEADERS, 3, b""),
    "an unknown frame": lambda peer: frame(0x42, 0, 0, b"8 octets"),
}


@pytest.mark.parametrize("what", INTERRUPTIONS)
def test_nothing_may_interrupt_a_field_block(peer, what):
    """§4.3, §5.5, §6.2, §6.10: frames of one field block follow each other."""
    block = peer.block()
    peer.send(frame(HEADERS, END_STREAM, 1, block[:3]))
    peer.send(INTERRUPTIONS[what](peer))
    peer.is_cut_off(PROTOCOL_ERROR)


# §6.1 DATA


def test_a_body_may_come_in_many_frames_padded_or_not(peer):
    """§6.1."""
    stream = peer.headers(peer.fields("POST"), end=False)
    peer.send(
        frame(DATA, 0, stream, b"test"),
        frame(DATA, PADDED, stream, b"\x06test\0\0\0\0\0\0"),
        frame(DATA, PADDED, stream, b"\0test"),
        frame(DATA, 0, stream, b""),
        frame(DATA, PADDED | END_STREAM, stream, b"\x05\0\0\0\0\0"),
    )
    assert peer.answer(stream)[0] in ("200", "405")
    peer.works()


def test_data_on_stream_0_ends_the_connection(peer):
    """§6.1: PROTOCOL_ERROR."""
    peer.send(frame(DATA, END_STREAM, 0, b"test"))
    peer.is_cut_off(PROTOCOL_ERROR)


@pytest.mark.parametrize("payload", [b"\x05test", b"\x06test\0", b"\x01"])
def test_data_padded_beyond_its_length_ends_the_connection(held, payload):
    """§6.1: padding of the payload's length or more is a PROTOCOL_ERROR."""
    held.send(frame(DATA, PADDED | END_STREAM, held.open_stream(), payload))
    held.is_cut_off(PROTOCOL_ERROR)


def test_padded_data_without_a_pad_length_ends_the_connection(held):
    """§4.2: a frame too small for its mandatory fields."""
    held.send(frame(DATA, PADDED | END_STREAM, held.open_stream(), b""))
    held.is_cut_off(FRAME_SIZE_ERROR, PROTOCOL_ERROR)


def test_padding_counts_in_flow_control(peer):
    """§6.1: the whole payload does, so windows come back for padding too."""
    stream = peer.headers(peer.fields("POST"), end=False)
    peer.send(*[frame(DATA, PADDED, stream, b"\xff" + b"\0" * 255)] * 200)
    peer.send(frame(DATA, END_STREAM, stream, b""))
    assert peer.answer(stream)[0] in ("200", "405")


# §6.2 HEADERS


def test_headers_may_be_padded_and_carry_a_priority(peer):
    """§6.2."""
    for flags, before, after in [
        (PADDED, b"\x04", b"\0\0\0\0"), (PRIORITISED, priority(), b""),
        (PADDED | PRIORITISED, b"\x02" + priority(exclusive=True), b"\0\0"),
    ]:
        stream = peer.new_stream()
        peer.send(frame(
            HEADERS, END_HEADERS | END_STREAM | flags, stream, before + peer.block() + after
        ))
        assert peer.answer(stream) == ("200", b"ok\n")


def test_headers_on_stream_0_end_the_connection(peer):
    """§6.2: PROTOCOL_ERROR."""
    peer.send(frame(HEADERS, END_HEADERS | END_STREAM, 0, peer.block()))
    peer.is_cut_off(PROTOCOL_ERROR)


def test_headers_padded_beyond_their_length_end_the_connection(peer):
    """§6.2: PROTOCOL_ERROR."""
    block = peer.block()
    peer.send(frame(
        HEADERS, END_HEADERS | END_STREAM | PADDED, 1, bytes([len(block) + 1]) + block
    ))
    peer.is_cut_off(PROTOCOL_ERROR)


@pytest.mark.parametrize("flags, payload", [
    (PADDED, b""), (PRIORITISED, b"\0\0\0"), (PADDED | PRIORITISED, b"\0\0\0\0"),
])
def test_headers_too_short_for_their_flags_end_the_connection(peer, flags, payload):
    """§4.2, §6.2."""
    peer.send(frame(HEADERS, END_HEADERS | END_STREAM | flags, 1, payload))
    peer.is_cut_off(FRAME_SIZE_ERROR, PROTOCOL_ERROR)


# §6.3 PRIORITY


@pytest.mark.parametrize("payload", [
    priority(weight=1), priority(weight=256), priority(depends_on=2**31 - 1),
    priority(exclusive=True),
])
def test_priorities_are_without_effect(peer, payload):
    """§5.3.2, §6.3: deprecated, and still to be taken in every state of a stream."""
    stream = peer.new_stream()
    send = frame(PRIORITY, 0, stream, payload)
    peer.send(send)
    peer.headers(stream=stream)
    peer.send(send)
    assert peer.answer(stream)[0] == "200"
    peer.send(send, frame(PRIORITY, 0, 1_000_001, payload))
    peer.ignores()
    peer.works()


def test_priority_on_stream_0_ends_the_connection(peer):
    """§6.3: PROTOCOL_ERROR."""
    peer.send(frame(PRIORITY, 0, 0, priority()))
    peer.is_cut_off(PROTOCOL_ERROR)


@pytest.mark.parametrize("length", [0, 4, 6])
def test_priority_of_another_length_than_5_is_an_error(held, length):
    """§6.3: FRAME_SIZE_ERROR of the stream, which may end the connection (§5.4.1)."""
    stream = held.open_stream()
    held.send(frame(PRIORITY, 0, stream, b"\0" * length))
    found = held.until(lambda f: f.type in (RST_STREAM, GOAWAY))
    assert found.error_code == FRAME_SIZE_ERROR


# §6.4 RST_STREAM


def test_a_reset_ends_its_stream_alone(held):
    """§6.4: nothing is sent on it any more."""
    stream, other = held.open_stream(), held.open_stream()
    held.send(frame(RST_STREAM, 0, stream, number(8)))
    held.round_trip()
    before = len(held.seen)
    held.send(frame(WINDOW_UPDATE, 0, other, number(100)))
    held.send(frame(DATA, END_STREAM, other, b""))
    held.answer(other)
    held.send(settings(INITIAL_WINDOW_SIZE=65535))
    held.round_trip()
    assert not [f for f in held.seen[before:] if f.stream_id == stream]


def test_a_reset_of_stream_0_ends_the_connection(peer):
    """§6.4: PROTOCOL_ERROR."""
    peer.send(frame(RST_STREAM, 0, 0, number(8)))
    peer.is_cut_off(PROTOCOL_ERROR)


def test_a_reset_of_an_idle_stream_ends_the_connection(peer):
    """§6.4: PROTOCOL_ERROR."""
    peer.send(frame(RST_STREAM, 0, 1, number(8)))
    peer.is_cut_off(PROTOCOL_ERROR)


@pytest.mark.parametrize("length", [0, 3, 5])
def test_a_reset_of_another_length_than_4_ends_the_connection(held, length):
    """§6.4: FRAME_SIZE_ERROR."""
    held.send(frame(RST_STREAM, 0, held.open_stream(), b"\0" * length))
    held.is_cut_off(FRAME_SIZE_ERROR)


# §6.10 CONTINUATION


def test_a_field_block_may_be_continued_often_and_empty(peer):
    """§6.10."""
    stream = peer.new_stream()
    block = peer.block()
    pieces = [block[:1], block[1:4], b"", block[4:9]]
    peer.send(
        frame(HEADERS, END_STREAM, stream, b""),
        *[frame(CONTINUATION, 0, stream, piece) for piece in pieces],
        frame(CONTINUATION, END_HEADERS, stream, block[9:]),
    )
    assert peer.answer(stream) == ("200", b"ok\n")


def test_a_continuation_after_the_end_of_headers_ends_the_connection(held):
    """§6.10: PROTOCOL_ERROR."""
    stream = held.half_closed_stream()
    held.send(frame(CONTINUATION, END_HEADERS, stream, b""))
    held.is_cut_off(PROTOCOL_ERROR)


def test_a_continuation_on_stream_0_ends_the_connection(peer):
    """§6.10: PROTOCOL_ERROR."""
    peer.send(frame(HEADERS, END_STREAM, 1, peer.block()))
    peer.send(frame(CONTINUATION, END_HEADERS, 0, b""))
    peer.is_cut_off(PROTOCOL_ERROR)


@pytest.mark.parametrize("first", [HEADERS, CONTINUATION])
def test_a_continuation_after_a_frame_that_ended_the_block_ends_the_connection(peer, first):
    """§6.10: PROTOCOL_ERROR."""
    block = peer.block()
    if first == HEADERS:
        peer.send(frame(HEADERS, END_HEADERS, 1, block))
    else:
        peer.send(frame(HEADERS, 0, 1, block[:2]), frame(CONTINUATION, END_HEADERS, 1, block[2:]))
    peer.send(frame(CONTINUATION, END_HEADERS, 1, b""))
    peer.is_cut_off(PROTOCOL_ERROR)


def test_a_continuation_after_data_ends_the_connection(held):
    """§6.10: PROTOCOL_ERROR."""
    stream = held.open_stream()
    held.send(frame(DATA, 0, stream, b"test"), frame(CONTINUATION, END_HEADERS, stream, b""))
    held.is_cut_off(PROTOCOL_ERROR, STREAM_CLOSED)
