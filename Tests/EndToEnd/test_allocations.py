"""How many blocks of memory a call and a message cost the server: counted, so that a change that adds
one is seen.

The server is the runtime with nothing behind it (`runtime-bench-server`), a preloaded library counts,
and what thousands of operations cost is divided by their number: no clock has a part in it.
"""

import pathlib
import subprocess
import sys

import pytest

from stubs import TOP

sys.path.insert(0, str(TOP / "Tests" / "Benchmarks"))

from measuring import SWIFT_SERVER, Server, h2load  # noqa: E402
from request import framed_request  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
CALLS = 10_000
STREAMS, MESSAGES_A_STREAM = 100, 1_000

# Blocks: what they are now, and a little.
A_CALL = 12
A_MESSAGE = 1.1


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """The server, and how many blocks it has taken so far."""
    folder = tmp_path_factory.mktemp("allocations")
    library, counts = folder / "counting_malloc.so", folder / "counts"
    subprocess.run(
        ["clang", "-O2", "-shared", "-fPIC", HERE / "counting_malloc.c", "-o", library], check=True
    )
    counts.write_bytes(bytes(8))
    body = folder / "request"
    body.write_bytes(framed_request())
    environment = {"LD_PRELOAD": str(library), "ALLOCATION_COUNTS": str(counts)}
    with Server(SWIFT_SERVER, environment=environment) as server:

        def blocks(method, number):
            """Of so many calls, the first ones of a connection aside."""
            line = ["-c", "1", "-m", "10", "-w", "24", "-W", "24"]
            taken = []
            for calls in (100, number + 100):
                before = int.from_bytes(counts.read_bytes(), sys.byteorder)
                h2load(server.address, method, body, *line, "-n", calls)
                taken.append(int.from_bytes(counts.read_bytes(), sys.byteorder) - before)
            return taken[1] - taken[0]

        yield blocks


def test_a_unary_call_takes_few_blocks_of_memory(counted):
    blocks = counted("Take", CALLS) / CALLS
    assert 1 < blocks <= A_CALL, f"{blocks} blocks a call"


def test_a_streamed_message_takes_few_blocks_of_memory(counted):
    blocks = counted("Give", STREAMS) / STREAMS / MESSAGES_A_STREAM
    assert 0 < blocks <= A_MESSAGE, f"{blocks} blocks a message"
