"""RFC 9113 §5: the states of a stream, their numbers, how many there may be, flow control, priority
and errors."""

import pytest

from peer import (
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, MAX_CONCURRENT_STREAMS,
    PRIORITISED, PRIORITY, PROTOCOL_ERROR, PUSH_PROMISE, REFUSED_STREAM, RST_STREAM,
    STREAM_CLOSED, WINDOW_UPDATE, Peer, frame, number, priority,
)


# §5.1 idle


@pytest.mark.parametrize("kind, payload", [
    (DATA, b"test"), (RST_STREAM, number(8)), (WINDOW_UPDATE, number(100)), (CONTINUATION, b""),
], ids=["DATA", "RST_STREAM", "WINDOW_UPDATE", "CONTINUATION"])
def test_an_idle_stream_takes_headers_and_priority_alone(peer, kind, payload):
    """§5.1: anything else on one is a PROTOCOL_ERROR of the connection."""
    peer.send(frame(kind, END_HEADERS if kind == CONTINUATION else 0, 1, payload))
    peer.is_cut_off(PROTOCOL_ERROR)


def test_priority_leaves_an_idle_stream_idle(peer):
    """§5.1, §6.3."""
    peer.send(frame(PRIORITY, 0, 1, priority()), frame(PRIORITY, 0, 99, priority()))
    peer.works()


# §5.1 open and half-closed


def test_an_open_stream_takes_every_kind_of_frame(held):
    """§5.1."""
    stream = held.open_stream()
    held.send(
        frame(PRIORITY, 0, stream, priority()), frame(DATA, 0, stream, b"test"),
        frame(HEADERS, END_HEADERS | END_STREAM, stream, held.block([("x-trailer", "1")])),
    )
    held.ignores()
    held.send(frame(WINDOW_UPDATE, 0, stream, number(100)))
    held.until(lambda f: f.stream_id == stream and "END_STREAM" in f.flags)
    held.works(window=True)


@pytest.mark.parametrize("kind, flags, payload", [
    (DATA, END_STREAM, b"test"), (DATA, 0, b""), (HEADERS, END_HEADERS | END_STREAM, b"\x82"),
    (CONTINUATION, END_HEADERS, b""),
], ids=["DATA", "empty DATA", "HEADERS", "CONTINUATION"])
def test_what_follows_our_end_of_a_stream_is_an_error(held, kind, flags, payload):
    """§5.1, half-closed (remote): STREAM_CLOSED of the stream, which may end the connection (§5.4);
    CONTINUATION alone breaks §6.10 as well."""
    stream = held.half_closed_stream()
    held.send(frame(kind, flags, stream, payload))
    found = held.until(lambda f: f.type in (RST_STREAM, GOAWAY))
    assert found.type == GOAWAY or found.stream_id == stream
    allowed = {STREAM_CLOSED, PROTOCOL_ERROR} if kind == CONTINUATION else {STREAM_CLOSED}
    assert found.error_code in allowed


def test_a_half_closed_stream_takes_window_priority_and_reset(held):
    """§5.1, half-closed (remote)."""
    stream = held.half_closed_stream()
    held.send(frame(PRIORITY, 0, stream, priority()), frame(WINDOW_UPDATE, 0, stream, number(1)))
    assert len(held.until(lambda f: f.type == DATA).data) == 1
    held.send(frame(RST_STREAM, 0, stream, number(8)))
    held.ignores()
    held.works(window=True)


# §5.1 closed


@pytest.mark.parametrize("kind, flags, payload", [
    (DATA, END_STREAM, b"test"), (HEADERS, END_HEADERS | END_STREAM, b"\x82\x86\x84"),
    (CONTINUATION, END_HEADERS, b""),
], ids=["DATA", "HEADERS", "CONTINUATION"])
@pytest.mark.parametrize("reset", [False, True], ids=["ended", "reset"])
def test_nothing_is_heard_on_a_stream_that_we_have_closed(held, kind, flags, payload, reset):
    """§5.1, closed: STREAM_CLOSED of the stream or the connection, or PROTOCOL_ERROR, since its
    number can't open a stream again (§5.1.1)."""
    stream = held.half_closed_stream()
    if reset:
        held.send(frame(RST_STREAM, 0, stream, number(8)))
    else:
        held.send(frame(WINDOW_UPDATE, 0, stream, number(100)))
        held.answer(stream)
    held.send(frame(kind, flags, stream, payload))
    held.is_cut_off(STREAM_CLOSED, PROTOCOL_ERROR)


def test_late_frames_on_a_closed_stream_do_no_harm(peer):
    """§5.1, closed: WINDOW_UPDATE, RST_STREAM and PRIORITY may be on their way still."""
    stream = peer.closed_stream()
    peer.send(
        frame(WINDOW_UPDATE, 0, stream, number(1)), frame(RST_STREAM, 0, stream, number(8)),
        frame(PRIORITY, 0, stream, priority()),
    )
    peer.ignores()
    peer.works()


def test_frames_that_cross_a_reset_of_the_servers_are_ignored(peer):
    """§5.1, closed: after a RST_STREAM of its own an endpoint ignores what was on its way."""
    stream = peer.headers([f for f in peer.fields("POST") if f[0] != ":path"], end=False)
    peer.send(frame(DATA, 0, stream, b"test"), frame(WINDOW_UPDATE, 0, stream, number(1)))
    peer.is_reset(stream, PROTOCOL_ERROR)
    peer.send(frame(DATA, END_STREAM, stream, b"test"))
    peer.ignores()
    peer.works()


def test_data_on_a_stream_that_is_gone_gives_its_window_back(peer):
    """§5.1, closed: it counts in the connection's flow control, or the window would leak away."""
    stream = peer.headers([f for f in peer.fields("POST") if f[0] != ":path"], end=False)
    peer.until(lambda f: f.type == RST_STREAM)
    window = 65535
    for f in peer.seen:
        if f.type == WINDOW_UPDATE and f.stream_id == 0:
            window += f.window_increment
    blocks = window * 2 // 16384
    for _ in range(blocks // 8):
        peer.send(*[frame(DATA, 0, stream, b"\0" * 16384)] * 8)
        peer.round_trip()
    peer.works()
    given = sum(f.window_increment for f in peer.seen if f.type == WINDOW_UPDATE)
    assert given > window


# §5.1.1 Stream Identifiers


def test_a_clients_streams_have_odd_numbers(peer):
    """§5.1.1: PROTOCOL_ERROR."""
    peer.headers(stream=2)
    peer.is_cut_off(PROTOCOL_ERROR)


def test_the_numbers_of_streams_only_grow(peer):
    """§5.1.1: PROTOCOL_ERROR; a lower number that was never used is closed by a higher one, for
    which STREAM_CLOSED is right as well."""
    peer.answer(peer.headers(stream=5))
    peer.headers(stream=3)
    peer.is_cut_off(PROTOCOL_ERROR, STREAM_CLOSED)


def test_numbers_may_be_left_out_up_to_the_last(peer):
    """§5.1.1."""
    assert peer.answer(peer.headers(stream=1_000_001))[0] == "200"
    assert peer.answer(peer.headers(stream=2**31 - 1))[0] == "200"


# §5.1.2 Stream Concurrency


def test_a_stream_over_the_limit_is_refused(held):
    """§5.1.2: REFUSED_STREAM or PROTOCOL_ERROR of the stream; may end the connection (§5.4)."""
    limit = held.settings[MAX_CONCURRENT_STREAMS]
    streams = [held.new_stream() for _ in range(limit + 1)]
    held.send(*[
        frame(HEADERS, END_HEADERS | END_STREAM, stream, held.block()) for stream in streams
    ])
    refused = held.until(lambda f: f.type in (RST_STREAM, GOAWAY))
    assert refused.error_code in (REFUSED_STREAM, PROTOCOL_ERROR)
    if refused.type == RST_STREAM:
        assert refused.stream_id == streams[-1]
        held.send(frame(WINDOW_UPDATE, 0, streams[0], number(100)))
        assert held.answer(streams[0])[1] == b"ok\n"


def test_as_many_streams_as_the_limit_says_are_taken(held):
    """§5.1.2."""
    streams = [held.headers() for _ in range(held.settings[MAX_CONCURRENT_STREAMS])]
    held.ignores()
    held.send(frame(WINDOW_UPDATE, 0, streams[-1], number(100)))
    assert held.answer(streams[-1])[1] == b"ok\n"


def test_a_stream_that_has_ended_makes_room_for_another(held):
    """§5.1.2: only open and half-closed ones count."""
    for _ in range(3):
        stream = held.half_closed_stream()
        held.send(frame(RST_STREAM, 0, stream, number(8)))
    held.works(window=True)


# §5.3 Prioritization


@pytest.mark.parametrize("kind", [HEADERS, PRIORITY])
def test_a_stream_that_depends_on_itself_hurts_nobody_else(node, peer, kind):
    """§5.3 took the tree of RFC 7540 away: such a frame has no meaning, or is that document's
    PROTOCOL_ERROR (§5.3.1 there)."""
    stream = peer.new_stream()
    if kind == HEADERS:
        peer.send(frame(
            HEADERS, END_HEADERS | END_STREAM | PRIORITISED, stream,
            priority(depends_on=stream) + peer.block(),
        ))
    else:
        peer.send(frame(PRIORITY, 0, stream, priority(depends_on=stream)))
        peer.headers(stream=stream)
    found = peer.until(lambda f: f.stream_id == stream or f.type == GOAWAY)
    assert found.type == HEADERS or found.error_code == PROTOCOL_ERROR
    with Peer(node) as other:
        other.works()


# §5.4 Error Handling


def test_a_stream_error_leaves_the_other_streams_alone(held):
    """§5.4.2."""
    stream = held.half_closed_stream()
    broken = held.headers([f for f in held.fields() if f[0] != ":method"])
    held.is_reset(broken, PROTOCOL_ERROR, window=True)
    held.send(frame(WINDOW_UPDATE, 0, stream, number(100)))
    assert held.answer(stream)[1] == b"ok\n"


def test_the_servers_reset_is_not_answered_by_a_reset(held):
    """§5.4.2: nobody answers a RST_STREAM with one."""
    stream = held.open_stream()
    held.send(frame(RST_STREAM, 0, stream, number(8)))
    held.ignores()


def test_a_connection_error_says_goaway_and_then_closes(peer):
    """§5.4.1."""
    peer.send(frame(PUSH_PROMISE, END_HEADERS, 1, number(2)))
    last = peer.is_cut_off(PROTOCOL_ERROR)
    assert last is peer.seen[-1]


def test_a_connection_error_reaches_a_peer_that_goes_on_sending(peer):
    """§5.4.1: what was in flight does not tear the GOAWAY away."""
    peer.send(frame(DATA, 0, 0, b"test"), *[frame(0x42, payload=b"8 octets")] * 500)
    peer.is_cut_off(PROTOCOL_ERROR)
