"""What attackers send, spelt as bytes beforehand: making them must not be what slows an attack.

Header blocks use no dynamic table, so that one block serves any number of requests."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "EndToEnd"))

from blocks import literal  # noqa: E402
from peer import (  # noqa: E402
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PREFACE, PRIORITY, RST_STREAM,
    SETTINGS, WINDOW_UPDATE, frame, number, priority, settings,
)

__all__ = [
    "CONTINUATION", "DATA", "END_HEADERS", "END_STREAM", "HEADERS", "PING", "PREFACE", "PRIORITY",
    "RST_STREAM", "SETTINGS", "WINDOW_UPDATE", "call_block", "frame", "get_block", "greeting",
    "literal", "message", "number", "opened", "priority", "settings",
]


AUTHORITY = literal(1, b"attack")


def get_block(path=b"/healthz", *fields):
    return b"\x82\x86" + AUTHORITY + literal(4, path) + b"".join(literal(n, v) for n, v in fields)


def call_block(method, *fields, service=b"apus.v1.EventService"):
    """A gRPC call, of the public API unless another service is named."""
    return (
        b"\x83\x86" + AUTHORITY + literal(4, b"/" + service + b"/" + method)
        + literal(31, b"application/grpc") + literal(b"te", b"trailers")
        + literal(b"x-tenant-id", b"attacked")
        + b"".join(literal(n, v) for n, v in fields)
    )


def message(payload, flag=0, length=None):
    """A gRPC message; `length` declares something else than what comes."""
    return bytes([flag]) + number(len(payload) if length is None else length) + payload


def greeting(**values):
    """The client's side of the handshake."""
    return PREFACE + settings(**values) + frame(SETTINGS, 1)


def opened(block, first=1, count=1000, end=True, then=b""):
    """So many requests in a row; `then` is a payload of one DATA frame after each."""
    flags = END_HEADERS | (END_STREAM if end and not then else 0)
    head = len(block).to_bytes(3, "big") + bytes([HEADERS, flags])
    data = len(then).to_bytes(3, "big") + bytes([DATA, END_STREAM if end else 0])
    pieces = []
    for stream in range(first, first + 2 * count, 2):
        pieces += [head, number(stream), block]
        if then:
            pieces += [data, number(stream), then]
    return b"".join(pieces)
