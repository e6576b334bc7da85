"""RFC 7541, HPACK, as a server's decoder must read it. Blocks are spelt byte by byte."""

import pytest

from blocks import integer, text
from peer import (
    COMPRESSION_ERROR, CONTINUATION, END_HEADERS, END_STREAM, HEADERS, SETTINGS, Peer, frame,
)


def send_block(peer, block):
    stream = peer.new_stream()
    peer.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, block))
    return stream


# GET and http from the static table; the rest as literals that nobody remembers.
START = b"\x82\x86" + b"\x01" + text(b"localhost")
REQUEST = START + b"\x04" + text(b"/healthz")


def is_answered(peer, block):
    assert peer.answer(send_block(peer, block)) == ("200", b"ok\n")


def is_refused(peer, block):
    """§2.3.3 and others: a decoding error, which RFC 9113 §4.3 makes COMPRESSION_ERROR."""
    send_block(peer, block)
    peer.is_cut_off(COMPRESSION_ERROR)


# §2.3 Indexing Tables


def test_the_dynamic_table_lasts_from_request_to_request(peer):
    """§2.3.2, §6.2.1: newest first, after the 61 static entries."""
    is_answered(peer, START + b"\x44" + text(b"/healthz") + b"\x40" + text(b"x-a") + text(b"1"))
    is_answered(peer, START + integer(63, 7, 0x80) + integer(62, 7, 0x80))


def test_every_entry_of_the_static_table_can_be_named(peer):
    """§2.3.1, Appendix A: as names of fields, those that a request may carry."""
    for index in [*range(15, 35), *range(36, 57), 58, 59, 60]:
        is_answered(peer, REQUEST + integer(index, 4) + text(
            b"0" if index == 28 else b"trailers"))


@pytest.mark.parametrize("index", [62, 70, 127, 2**31, 2**40])
@pytest.mark.parametrize("prefix, first, rest", [
    (7, 0x80, b""), (6, 0x40, text(b"x")), (4, 0x00, text(b"x")), (4, 0x10, text(b"x")),
], ids=["indexed", "literal kept", "literal", "never indexed"])
def test_an_index_beyond_both_tables_is_an_error(peer, index, prefix, first, rest):
    """§2.3.3."""
    is_refused(peer, REQUEST + integer(index, prefix, first) + rest)


def test_an_entry_that_was_evicted_is_gone(peer):
    """§4.4: two entries of more than half the table each."""
    half = text(b"v" * 2100)
    is_answered(peer, REQUEST + b"\x40" + text(b"x-a") + half)
    is_answered(peer, REQUEST + b"\x40" + text(b"x-b") + half)
    is_answered(peer, REQUEST + integer(62, 7, 0x80))
    is_refused(peer, REQUEST + integer(63, 7, 0x80))


def test_an_entry_larger_than_the_table_empties_it(peer):
    """§4.4: that is no error; it is not kept either."""
    is_answered(peer, REQUEST + b"\x40" + text(b"x-a") + text(b"1"))
    is_answered(peer, REQUEST + b"\x40" + text(b"x-b") + text(b"v" * 5000))
    is_refused(peer, REQUEST + integer(62, 7, 0x80))


def test_a_name_may_be_taken_from_the_entry_that_its_field_evicts(peer):
    """§4.4."""
    is_answered(peer, REQUEST + b"\x40" + text(b"x-a") + text(b"v" * 4000))
    is_answered(peer, REQUEST + integer(62, 6, 0x40) + text(b"w" * 4000))
    is_answered(peer, REQUEST + integer(62, 7, 0x80))


# §4.2, §6.3 Dynamic table size updates


@pytest.mark.parametrize("update", [
    integer(0, 5, 0x20), integer(4096, 5, 0x20), integer(0, 5, 0x20) + integer(4096, 5, 0x20),
], ids=["0", "4096", "0 and 4096"])
def test_the_table_size_may_change_at_the_start_of_a_block(peer, update):
    """§4.2."""
    is_answered(peer, update + REQUEST)
    peer.works()


def test_a_table_of_size_0_keeps_nothing(peer):
    """§4.3."""
    is_answered(peer, REQUEST + b"\x40" + text(b"x-a") + text(b"1"))
    is_answered(peer, integer(0, 5, 0x20) + REQUEST + b"\x40" + text(b"x-b") + text(b"2"))
    is_refused(peer, REQUEST + integer(62, 7, 0x80))


@pytest.mark.parametrize("before", [1, 2, len(REQUEST)])
def test_the_table_size_may_not_change_after_a_field(peer, before):
    """§4.2."""
    is_refused(peer, REQUEST[:before] + integer(0, 5, 0x20) + REQUEST[before:])


@pytest.mark.parametrize("size", [4097, 65536, 2**31, 2**40])
def test_the_table_may_not_grow_over_what_the_server_has_set(peer, size):
    """§6.3."""
    assert peer.settings.get(1, 4096) == 4096
    is_refused(peer, integer(size, 5, 0x20) + REQUEST)


@pytest.mark.parametrize("size", [0, 64, 4096, 2**32 - 1])
def test_the_servers_encoder_keeps_to_the_table_that_we_set(node, size):
    """§4.2: our decoder fails on anything else; a smaller size is announced in the next block."""
    with Peer(node) as peer:
        peer.works()
        peer.decoder.max_allowed_table_size = min(size, 65536)
        peer.send(frame(SETTINGS, 0, 0, b"\0\x01" + size.to_bytes(4, "big")))
        peer.until(lambda f: f.type == SETTINGS and "ACK" in f.flags)
        for _ in range(3):
            peer.works()
        assert peer.decoder.header_table_size <= size


# §5.1 Integers


@pytest.mark.parametrize("index", [
    b"\xff" * 11, b"\xff" + b"\x80" * 40 + b"\x01", b"\xff\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
])
def test_an_integer_too_large_is_an_error(peer, index):
    """§5.1: it exceeds any limit in value or in octets."""
    is_refused(peer, REQUEST + index)


def test_an_integer_may_be_longer_than_it_need_be(peer):
    """§5.1: a name of 127 octets, its length with a needless zero octet."""
    is_answered(peer, REQUEST + b"\0" + b"\x7f\x80\x00" + b"x" * 127 + text(b"1"))


# §5.2 Strings

HUFFMAN_1 = b"\x0f"  # "1" is 00001, then padding 111


@pytest.mark.parametrize("value", [b"\x81" + HUFFMAN_1, b"\x80", b"\0", b"\x011"],
                         ids=["Huffman", "Huffman, empty", "empty", "plain"])
def test_strings_come_in_either_code(peer, value):
    """§5.2."""
    is_answered(peer, REQUEST + b"\0" + text(b"x-a") + value)


@pytest.mark.parametrize("value", [
    b"\x82\x0f\xff", b"\x81\x08", b"\x84\xff\xff\xff\xff", b"\x85\x0f\xff\xff\xff\xff",
    b"\x81\xff",
], ids=["padded by 11 bits", "padded with zeros", "EOS", "EOS after a character", "8 bits of EOS"])
def test_huffman_code_with_a_wrong_end_is_an_error(peer, value):
    """§5.2: padding is fewer than eight bits, all ones, and EOS itself never appears."""
    is_refused(peer, REQUEST + b"\0" + text(b"x-a") + value)


@pytest.mark.parametrize("block", [
    REQUEST + b"\0", REQUEST + b"\0\x03x-", REQUEST + b"\0" + text(b"x-a") + b"\x09x",
    REQUEST + b"\xff", REQUEST + b"\x40", REQUEST + b"\0" + text(b"x-a") + b"\x7f",
], ids=["no name", "half a name", "half a value", "half an index", "nothing", "half a length"])
def test_a_block_that_ends_too_early_is_an_error(peer, block):
    """§5.1, §5.2, RFC 9113 §4.3."""
    is_refused(peer, block)


# §6.1 Indexed fields


def test_index_0_is_an_error(peer):
    """§6.1."""
    is_refused(peer, REQUEST + b"\x80")


# §6.2 Literal fields


@pytest.mark.parametrize("first", [0x00, 0x10, 0x40], ids=["plain", "never indexed", "kept"])
@pytest.mark.parametrize("huffman", [False, True])
@pytest.mark.parametrize("indexed_name", [False, True])
def test_every_form_of_a_literal_is_read(peer, first, huffman, indexed_name):
    """§6.2.1, §6.2.2, §6.2.3."""
    prefix = 6 if first == 0x40 else 4
    name = integer(4, prefix, first) if indexed_name else bytes([first]) + text(b":path")
    if huffman:
        encoded = peer.encoder.huffman_coder.encode(b"/healthz")
        path = bytes([0x80 | len(encoded)]) + encoded
    else:
        path = text(b"/healthz")
    is_answered(peer, START + name + path)


def test_a_block_may_be_cut_anywhere(peer):
    """RFC 9113 §4.3: in the middle of an integer or a string too."""
    block = REQUEST + b"\0" + text(b"x-long") + text(b"v" * 300)
    for cut in [1, 3, 5, len(REQUEST) + 1, len(REQUEST) + 9, len(REQUEST) + 10, len(block) - 1]:
        stream = peer.new_stream()
        peer.send(
            frame(HEADERS, END_STREAM, stream, block[:cut]),
            frame(CONTINUATION, END_HEADERS, stream, block[cut:]),
        )
        assert peer.answer(stream) == ("200", b"ok\n")
