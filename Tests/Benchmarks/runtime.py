"""The runtime against a C++ gRPC server (Debian's libgrpc++, asynchronous API), one thread each.

Both answer the same h2load line, in turn: A, B, A, B. Machines drift by a factor within minutes, so
only the ratios of neighbours count; the figure is the median of the rounds. Goals:

- unary calls with a request of 300 bytes that is decoded: 2.5 times C++, and 4 µs of CPU a call;
- TLS: 0.75 of plaintext;
- a stream of messages of 300 bytes: 3 times C++, as servers write them (with hints that more may
  follow, which few give, C++ is faster: told apart).
"""

import argparse
import statistics
import sys
import tempfile

from measuring import (
    CPP_SERVER, SERVICE, SWIFT_SERVER, TOP, Server, calls_a_second, calls_done, certificate, h2load,
)

sys.path.insert(0, str(TOP / "Tests" / "EndToEnd"))

from peer import DATA, GOAWAY, HEADERS, WINDOW_UPDATE, Peer, frame, number  # noqa: E402
from request import SIZE, framed_request  # noqa: E402

UNARY = ["-c", "8", "-m", "100"]
ALONE = ["-c", "8", "-m", "1"]
STREAMS = ["-c", "4", "-m", "4", "-w", "24", "-W", "24"]
MESSAGES_A_STREAM = 1000


def check(server, body, method, messages):
    """The answer is one, before its speed is looked at."""
    with Peer(server) as peer:
        stream = peer.headers(peer.fields(
            "POST", f"/{SERVICE}/{method}", ("te", "trailers"),
            ("content-type", "application/grpc"),
        ), end=False)
        peer.send(frame(DATA, 1, stream, body))
        data, fields = b"", {}
        while True:
            found = peer.until(lambda f: f.stream_id == stream or f.type == GOAWAY)
            assert found.type != GOAWAY, found
            if found.type == DATA:
                data += found.data
                if found.data:
                    given = number(len(found.data))
                    peer.send(*[frame(WINDOW_UPDATE, 0, s, given) for s in (0, stream)])
            elif found.type == HEADERS:
                fields.update(found.fields)
            if "END_STREAM" in found.flags:
                break
    assert fields.get("grpc-status") == "0", fields
    # An empty message is its prefix of five bytes.
    assert len(data) == messages * (5 + (SIZE if method == "Give" else 0)), len(data)


class Bench:
    def __init__(self, options, body_file):
        self.options, self.body = options, body_file

    def load(self, server, method, line, tls=False):
        """Calls a second, and CPU seconds of the server a call."""
        before = server.cpu_seconds()
        # Warm-up is the first round's affair: all rounds are of the same length.
        output = h2load(
            server.address, method, self.body, *line, "-D", self.options.seconds,
            cpu=self.options.client_cpu, tls=tls,
        )
        used = server.cpu_seconds() - before
        return calls_a_second(output), used / calls_done(output)

    def compare(self, title, ours, theirs, method, line, scale=1, tls=False):
        """Interleaved rounds; the median of their ratios."""
        rates, costs, ratios = ([], []), ([], []), []
        self.load(ours, method, line, tls)
        self.load(theirs, method, line)
        for _ in range(self.options.rounds):
            pair = []
            for side, server in enumerate((ours, theirs)):
                rate, cost = self.load(server, method, line, tls and side == 0)
                rates[side].append(rate * scale)
                costs[side].append(cost / scale * 1e6)
                pair.append(rate)
            ratios.append(pair[0] / pair[1])
        medians = [statistics.median(x) for x in (*rates, *costs)]
        print(f"{title:34} {statistics.median(ratios):6.2f} {medians[0]:12,.0f}"
              f" {medians[1]:12,.0f} {medians[2]:8.2f} {medians[3]:8.2f}", flush=True)

    def latencies(self, server, method):
        """p50 and p99 in ms, with one call on each connection at a time."""
        with tempfile.NamedTemporaryFile("r") as log:
            h2load(server.address, method, self.body, *ALONE, "-n", "40000",
                   "--log-file", log.name, cpu=self.options.client_cpu)
            times = sorted(int(line.split()[2]) for line in log)
        return times[len(times) // 2] / 1000, times[int(len(times) * 0.99)] / 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="length of one measurement")
    parser.add_argument("--server-cpu", type=int, default=0)
    parser.add_argument("--client-cpu", type=int, default=1)
    options = parser.parse_args()
    framed = framed_request()
    with tempfile.TemporaryDirectory(prefix="apus-bench-") as folder:
        body = f"{folder}/request"
        with open(body, "wb") as file:
            file.write(framed)
        bench = Bench(options, body)
        cpu = options.server_cpu
        with Server(SWIFT_SERVER, cpu=cpu) as swift, Server(CPP_SERVER, cpu=cpu) as cpp, \
                Server(CPP_SERVER, "hint", cpu=cpu) as hinting, \
                Server(SWIFT_SERVER, *certificate(folder), cpu=cpu) as encrypted:
            for server in (swift, cpp):
                check(server, framed, "Take", 1)
                check(server, framed, "Give", MESSAGES_A_STREAM)
            print(f"{'':34} {'ratio':>6} {'Apus /s':>12} {'other /s':>12} {'µs':>8} {'µs':>8}")
            bench.compare("unary, 300 bytes, against C++", swift, cpp, "Take", UNARY)
            bench.compare("unary, TLS against plaintext", encrypted, swift, "Take", UNARY,
                          tls=True)
            bench.compare("streamed messages, against C++", swift, cpp, "Give", STREAMS,
                          scale=MESSAGES_A_STREAM)
            bench.compare("the same, C++ with buffer hints", swift, hinting, "Give", STREAMS,
                          scale=MESSAGES_A_STREAM)
            for name, server in (("Apus", swift), ("C++", cpp)):
                p50, p99 = bench.latencies(server, "Take")
                print(f"unary, 8 in flight, {name:14} p50 {p50:.3f} ms, p99 {p99:.3f} ms")


main()
