"""RFC 9113 §6.5 to §6.8: SETTINGS, PUSH_PROMISE, PING and GOAWAY."""

import pytest

from peer import (
    ACK, DATA, ENABLE_PUSH, END_HEADERS, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, GOAWAY,
    INITIAL_WINDOW_SIZE, LARGEST_WINDOW, MAX_CONCURRENT_STREAMS, NO_ERROR, PING, PROTOCOL_ERROR,
    PUSH_PROMISE, SETTINGS, WINDOW_UPDATE, Peer, frame, number, settings,
)


# §6.5 SETTINGS


def test_settings_are_acknowledged_at_once_and_each(peer):
    """§6.5.3."""
    peer.send(settings(MAX_CONCURRENT_STREAMS=100), settings(), settings(INITIAL_WINDOW_SIZE=9))
    for _ in range(3):
        found = peer.until(lambda f: f.type == SETTINGS)
        assert "ACK" in found.flags and found.body_len == 0


def test_a_settings_acknowledgement_with_a_payload_ends_the_connection(peer):
    """§6.5: FRAME_SIZE_ERROR."""
    peer.send(frame(SETTINGS, ACK, 0, b"\0\x03\0\0\0\x64"))
    peer.is_cut_off(FRAME_SIZE_ERROR)


def test_an_acknowledgement_that_nobody_waits_for_does_no_harm(peer):
    """§6.5.3 says nothing of it: ignored, or a PROTOCOL_ERROR."""
    peer.send(frame(SETTINGS, ACK))
    peer.send(frame(PING, payload=b"8 octets"))
    found = peer.until(lambda f: f.type in (PING, GOAWAY))
    assert found.type == PING or found.error_code == PROTOCOL_ERROR


def test_settings_on_a_stream_end_the_connection(peer):
    """§6.5: PROTOCOL_ERROR."""
    peer.send(frame(SETTINGS, 0, 1, b"\0\x03\0\0\0\x64"))
    peer.is_cut_off(PROTOCOL_ERROR)


@pytest.mark.parametrize("length", [1, 3, 7])
def test_settings_whose_length_is_no_multiple_of_6_end_the_connection(peer, length):
    """§6.5: FRAME_SIZE_ERROR."""
    peer.send(frame(SETTINGS, 0, 0, b"\0" * length))
    peer.is_cut_off(FRAME_SIZE_ERROR)


@pytest.mark.parametrize("values, code", [
    ({"ENABLE_PUSH": 2}, PROTOCOL_ERROR),
    ({"INITIAL_WINDOW_SIZE": 2**31}, FLOW_CONTROL_ERROR),
    ({"INITIAL_WINDOW_SIZE": 2**32 - 1}, FLOW_CONTROL_ERROR),
    ({"MAX_FRAME_SIZE": 16383}, PROTOCOL_ERROR),
    ({"MAX_FRAME_SIZE": 2**24}, PROTOCOL_ERROR),
], ids=str)
def test_a_setting_out_of_its_range_ends_the_connection(peer, values, code):
    """§6.5.2."""
    peer.send(settings(**values))
    peer.is_cut_off(code)


@pytest.mark.parametrize("values", [
    {"ENABLE_PUSH": 0}, {"ENABLE_PUSH": 1}, {"MAX_CONCURRENT_STREAMS": 0},
    {"INITIAL_WINDOW_SIZE": LARGEST_WINDOW}, {"MAX_FRAME_SIZE": 16384},
    {"MAX_FRAME_SIZE": 2**24 - 1}, {"HEADER_TABLE_SIZE": 0}, {"HEADER_TABLE_SIZE": 2**32 - 1},
    {"MAX_HEADER_LIST_SIZE": 2**32 - 1},
], ids=str)
def test_every_setting_in_its_range_is_taken(node, values):
    """§6.5.2."""
    with Peer(node, **values) as peer:
        peer.works()


def test_unknown_settings_are_ignored(peer):
    """§6.5.2."""
    peer.send(frame(SETTINGS, 0, 0, b"\0\xff\0\0\0\x01\xff\xff\xff\xff\xff\xff"))
    peer.until(lambda f: f.type == SETTINGS and "ACK" in f.flags)
    peer.works()


def test_settings_count_in_the_order_in_which_they_stand(node):
    """§6.5.3: the last value of several is the one that holds."""
    with Peer(node) as peer:
        first, last = (INITIAL_WINDOW_SIZE.to_bytes(2, "big") + number(n) for n in (100, 1))
        peer.send(frame(SETTINGS, 0, 0, first + last))
        peer.until(lambda f: f.type == SETTINGS and "ACK" in f.flags)
        stream = peer.headers()
        data = peer.until(lambda f: f.type == DATA and f.stream_id == stream)
        assert len(data.data) == 1


def test_the_servers_own_settings_are_within_their_ranges(peer):
    """§6.5.2: a server says nothing of push but 0, and keeps to the ranges itself."""
    assert peer.settings.get(ENABLE_PUSH, 0) == 0
    assert peer.settings.get(INITIAL_WINDOW_SIZE, 65535) <= LARGEST_WINDOW
    assert 16384 <= peer.settings.get(5, 16384) < 2**24
    assert peer.settings.get(MAX_CONCURRENT_STREAMS, 100) >= 100, "§6.5.2's recommendation"


# §6.6, §8.4 PUSH_PROMISE


def test_a_promise_from_a_client_ends_the_connection(peer):
    """§8.4: PROTOCOL_ERROR."""
    stream = peer.closed_stream()
    peer.send(frame(PUSH_PROMISE, END_HEADERS, stream, number(2) + peer.block()))
    peer.is_cut_off(PROTOCOL_ERROR)


# §6.7 PING


def test_a_ping_is_answered_with_its_own_bytes(peer):
    """§6.7."""
    peer.send(*[frame(PING, payload=bytes([n] * 8)) for n in range(2)])
    for n in range(2):
        found = peer.until(lambda f: f.type == PING)
        assert "ACK" in found.flags and found.opaque_data == bytes([n] * 8)


def test_the_answer_to_a_ping_is_not_answered(peer):
    """§6.7."""
    before = len(peer.seen)
    peer.send(frame(PING, ACK, 0, b"not mine"))
    peer.round_trip()
    assert not [f for f in peer.seen[before:] if f.type == PING]


def test_a_ping_on_a_stream_ends_the_connection(peer):
    """§6.7: PROTOCOL_ERROR."""
    peer.send(frame(PING, 0, 1, b"8 octets"))
    peer.is_cut_off(PROTOCOL_ERROR)


@pytest.mark.parametrize("length", [0, 6, 9])
def test_a_ping_of_another_length_than_8_ends_the_connection(peer, length):
    """§6.7: FRAME_SIZE_ERROR."""
    peer.send(frame(PING, 0, 0, b"\0" * length))
    peer.is_cut_off(FRAME_SIZE_ERROR)


# §6.8 GOAWAY


def test_after_a_goaway_the_open_streams_are_still_answered(held):
    """§6.8: a client that goes away waits for its answers."""
    stream = held.half_closed_stream()
    held.send(frame(GOAWAY, 0, 0, number(0) + number(NO_ERROR)))
    held.send(frame(WINDOW_UPDATE, 0, stream, number(100)))
    assert held.answer(stream)[1] == b"ok\n"


def test_a_goaway_may_carry_any_code_and_text(held):
    """§6.8, §7: an unknown code has no special meaning."""
    stream = held.half_closed_stream()
    held.send(frame(GOAWAY, 0, 0, number(0) + number(0xFF) + b"some words"))
    held.send(frame(WINDOW_UPDATE, 0, stream, number(100)))
    assert held.answer(stream)[1] == b"ok\n"


def test_a_goaway_on_a_stream_ends_the_connection(peer):
    """§6.8: PROTOCOL_ERROR."""
    peer.send(frame(GOAWAY, 0, 1, number(0) + number(0)))
    peer.is_cut_off(PROTOCOL_ERROR)


@pytest.mark.parametrize("length", [0, 7])
def test_a_goaway_too_short_ends_the_connection(peer, length):
    """§4.2: FRAME_SIZE_ERROR."""
    peer.send(frame(GOAWAY, 0, 0, b"\0" * length))
    peer.is_cut_off(FRAME_SIZE_ERROR)


def test_the_servers_goaway_names_the_last_stream_it_took(peer):
    """§6.8."""
    stream = peer.closed_stream()
    peer.send(frame(PING, 0, 1, b"8 octets"))
    assert peer.is_cut_off(PROTOCOL_ERROR).last_stream_id == stream
