"""`make soak`: the runtime at 60 % of its speed, for an hour (MINUTES=…), while connections come
and go.

In turn, each for some seconds: unary calls, streams of a thousand messages, and the same over TLS,
each by connections of their own; all the while clients vanish in the middle of their calls. In the
end no call has failed, and memory and open files are where they were.

Not in CI. Exits with 1 when something leaked or failed.
"""

import argparse
import itertools
import statistics
import sys
import tempfile
import threading
import time

from measuring import SERVICE, SWIFT_SERVER, TOP, Server, calls_a_second, certificate, h2load

sys.path.insert(0, str(TOP / "Tests" / "EndToEnd"))

from peer import DATA, Peer, frame  # noqa: E402
from request import framed_request  # noqa: E402

SHARE = 0.6
CONNECTIONS = 16
TURN_SECONDS = 10
# Until the last connections are gone.
SETTLING_SECONDS = 2
# Memory may end so much above where its first third was: allocators keep some of what they had.
GROWTH, SLACK = 1.05, 4 << 20


class Vanishing(threading.Thread):
    """Clients that open streams, send half of a call and are gone, ten a second."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.address = server.address
        self.over = threading.Event()
        self.count = 0
        self.start()

    def run(self):
        while not self.over.wait(0.1):
            with Peer(self) as peer:
                for method in ("Take", "Give", "Wait"):
                    stream = peer.headers(peer.fields(
                        "POST", f"/{SERVICE}/{method}", ("te", "trailers"),
                        ("content-type", "application/grpc"),
                    ), end=False)
                    peer.send(frame(DATA, 0, stream, framed_request()[:100]))
            self.count += 1

    def stop(self):
        self.over.set()
        self.join()


class Soak:
    """One server and the load it gets."""

    def __init__(self, name, server, method, body, tls=False):
        self.name, self.server, self.method, self.body, self.tls = name, server, method, body, tls
        output = h2load(
            server.address, method, body, "-c", CONNECTIONS, "-m", 10, "-D", 5, tls=tls
        )
        self.rate = SHARE * calls_a_second(output) / CONNECTIONS
        self.memory = []

    def turn(self):
        output = h2load(
            self.server.address, self.method, self.body, "-c", CONNECTIONS, "-m", 10,
            f"--rps={self.rate:.3f}", "-D", TURN_SECONDS, tls=self.tls,
        )
        self.memory.append(self.server.resident())
        print(
            f"{self.name:22} {calls_a_second(output):10,.0f} calls/s"
            f" {self.memory[-1] / 2**20:7.1f} MiB {self.server.open_files():5} files", flush=True,
        )

    def has_grown(self):
        third = max(1, len(self.memory) // 3)
        first, last = (statistics.median(m) for m in (self.memory[:third], self.memory[-third:]))
        return last > first * GROWTH + SLACK


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=60)
    options = parser.parse_args()
    faults = []
    with tempfile.TemporaryDirectory(prefix="apus-soak-") as folder:
        body = f"{folder}/request"
        with open(body, "wb") as file:
            file.write(framed_request())
        with Server(SWIFT_SERVER) as plain, Server(SWIFT_SERVER, *certificate(folder)) as tls:
            servers = {"plaintext": plain, "TLS": tls}
            soaks = [
                Soak("unary", plain, "Take", body), Soak("streams", plain, "Give", body),
                Soak("unary over TLS", tls, "Take", body, True),
                Soak("streams over TLS", tls, "Give", body, True),
            ]
            # What the first connections open for good, such as OpenSSL's source of chance, is open.
            time.sleep(SETTLING_SECONDS)
            files = {name: server.open_files() for name, server in servers.items()}
            vanishing = Vanishing(plain)
            end = time.monotonic() + options.minutes * 60
            for soak in itertools.cycle(soaks):
                if time.monotonic() > end and len(soaks[-1].memory) > 2:
                    break
                soak.turn()
            vanishing.stop()
            time.sleep(SETTLING_SECONDS)
            for name, server in servers.items():
                if server.open_files() > files[name]:
                    faults.append(f"{name}: {server.open_files()} files, {files[name]} at first")
            faults += [f"{soak.name}: memory has grown" for soak in soaks if soak.has_grown()]
    print(f"{vanishing.count} clients vanished; {'; '.join(faults) or 'nothing leaked'}")
    return 1 if faults else 0


sys.exit(main())
