"""Memory of idle connections and idle streams: what a service full of waiting clients costs.

Goals: under 20 KiB a connection in plaintext and 48 KiB with TLS, under 4 KiB a stream, of the
process. The kernel's part (socket buffers and the like, of both ends, since the clients are here)
is told apart, from the growth of its slab.
"""

import argparse
import multiprocessing
import pathlib
import re
import ssl
import sys
import tempfile

from measuring import SERVICE, SWIFT_SERVER, TOP, Server, certificate

sys.path.insert(0, str(TOP / "Tests" / "EndToEnd"))

from peer import END_HEADERS, HEADERS, Peer, frame  # noqa: E402


class Hall(multiprocessing.Process):
    """A process that holds connections, each with so many open streams."""

    def __init__(self, server, connections, streams, chain=None):
        super().__init__()
        self.server_address, self.connections = server.address, connections
        self.streams, self.chain = streams, chain
        self.mine, self.theirs = multiprocessing.Pipe()
        self.start()
        assert self.mine.recv() == "full"

    def run(self):
        peers = [self.enter() for _ in range(self.connections)]
        self.theirs.send("full")
        self.theirs.recv()
        for peer in peers:
            peer.socket.close()

    @property
    def address(self):
        return self.server_address

    def enter(self):
        peer = Peer(self, handshake=False)
        if self.chain:
            context = ssl.create_default_context(cafile=self.chain)
            context.set_alpn_protocols(["h2"])
            peer.socket = context.wrap_socket(peer.socket, server_hostname="localhost")
        peer.shake_hands()
        fields = peer.fields(
            "POST", f"/{SERVICE}/Wait", ("te", "trailers"), ("content-type", "application/grpc"),
        )
        for _ in range(self.streams):
            peer.send(frame(HEADERS, END_HEADERS, peer.new_stream(), peer.block(fields)))
        peer.round_trip()
        # What only the test's own side needs.
        peer.encoder = peer.decoder = None
        return peer

    def leave(self):
        self.mine.send("go")
        self.join()


def slab():
    return int(re.search(r"Slab:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())[1]) << 10


def measure(title, goal, count, server, halls):
    """Fills the halls, and tells what each of `count` costs."""
    Hall(server, 50, 20, halls[0][2]).leave()  # the first few cost more than the rest
    before, kernel = server.resident(), slab()
    full = [Hall(server, *hall) for hall in halls]
    each = (server.resident() - before) / count
    kernel_each = (slab() - kernel) / count
    print(f"{title:34} {each / 1024:6.2f} KiB (goal {goal}); kernel, both ends,"
          f" {kernel_each / 1024:.1f} KiB", flush=True)
    for hall in full:
        hall.leave()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--streams", type=int, default=50_000)
    options = parser.parse_args()
    connections, streams = options.connections, options.streams
    parts = 4
    with tempfile.TemporaryDirectory(prefix="apus-bench-") as folder:
        chain, key = certificate(folder)
        with Server(SWIFT_SERVER) as server:
            measure("an idle connection", 20, connections, server,
                    [(connections // parts, 0, None)] * parts)
        with Server(SWIFT_SERVER) as server:
            measure("an idle stream", 4, streams, server,
                    [(streams // 1000 // 2, 1000, None)] * 2)
        with Server(SWIFT_SERVER, chain, key) as server:
            measure("an idle connection with TLS", 48, connections, server,
                    [(connections // parts, 0, chain)] * parts)


main()
