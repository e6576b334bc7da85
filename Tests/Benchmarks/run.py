"""Publishing: Apus against the yardstick, interleaved, printed as ratios, with the CPU it takes.

Each figure stands between two runs of the yardstick on the same Postgres; its ratio is to their
mean. The machine's speed drifts, so figures of different runs are not comparable; ratios are.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import tempfile

from measuring import TICKS, TOP, unary
from request import framed_publish
from yardstick import Yardstick

APUS = TOP / ".build" / "release" / "apus"
LOAD = TOP / ".build" / "release" / "apus-load"

PAYLOAD = 300
# In flight, whether a projection counts each event meanwhile, goal of the ratio.
PUBLISHES = {
    "unary, 1 in flight": (1, False, "0.04"),
    "unary, 64 in flight": (64, False, "0.30"),
    "unary, 512 in flight": (512, False, "0.55"),
    "unary, 512, each counted": (512, True, "-"),
    "PublishStream, 100 a request": (None, False, "0.60"),
}


class Server:
    def __init__(self, *flags):
        self.data = tempfile.mkdtemp(prefix="apus-bench-")
        os.chmod(self.data, 0o755)
        self.process = subprocess.Popen(
            [str(APUS), "serve", "--listen", "127.0.0.1:0", "--data-dir", self.data,
             "--log-level", "warning", *flags],
            stdout=subprocess.PIPE, text=True,
        )
        line = self.process.stdout.readline()
        assert line.startswith("Apus listens on "), line
        self.address = line.split()[3].rstrip(";,")
        self.conninfo = f"host={self.data}/socket user=apus dbname=apus"

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        shutil.rmtree(self.data, ignore_errors=True)


def load(server, *arguments):
    """One run of the load client; it prints one JSON object."""
    output = subprocess.run(
        [str(LOAD), *arguments, "--address", server.address],
        check=True, capture_output=True, text=True,
    ).stdout
    return json.loads(output)


def milliseconds(seconds):
    return f"{seconds * 1000:.2f} ms"


def ticks(pid):
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    return sum(int(field) for field in stat.rsplit(")", 1)[1].split()[11:13])


def cpu(server):
    """Seconds of Apus and of Postgres so far: its sessions that are there, and its helpers."""
    lines = pathlib.Path(server.data, "postgres", "postmaster.pid").read_text()
    postgres = lines.split()[0]
    children = pathlib.Path(f"/proc/{postgres}/task/{postgres}/children").read_text().split()
    return (ticks(server.process.pid) / TICKS,
            sum(ticks(child) for child in children) / TICKS)


class Publishing:
    def __init__(self, folder, seconds):
        self.seconds = seconds
        self.server = Server()
        self.yardstick = Yardstick(self.server.conninfo)
        self.bodies = {}
        for handled in (False, True):
            self.bodies[handled] = folder / f"publish-{handled}"
            self.bodies[handled].write_bytes(framed_publish(PAYLOAD, handled=handled))

    def close(self):
        self.yardstick.close()
        self.server.close()

    def publish(self, in_flight, handled=False):
        """Events a second, p50 and p99."""
        if in_flight is None:
            found = load(self.server, "publish-stream", "--batch", "100", "--in-flight", "16",
                         "--seconds", str(self.seconds))
            return found["events"] / found["seconds"], found["p50"], found["p99"]
        found = unary(f"http://{self.server.address}/apus.v1.EventService/Publish",
                      self.bodies[handled], in_flight, self.seconds, ["x-tenant-id: bench"])
        return found.rate, found.p50, found.p99

    def measure(self, rounds):
        found = {name: [] for name in PUBLISHES}
        yards = [self.yardstick.measure()]
        for _ in range(rounds):
            for name, (in_flight, handled, _) in PUBLISHES.items():
                used = cpu(self.server)
                rate, p50, p99 = self.publish(in_flight, handled)
                events = rate * self.seconds / 1e6
                spent = [(now - then) / events for now, then in zip(cpu(self.server), used)]
                yards.append(self.yardstick.measure())
                ratio = rate / statistics.mean(yards[-2:])
                found[name].append((ratio, rate, p50, p99, *spent))
        print(f"yardstick (binary COPY): {statistics.median(yards):,.0f} rows/s")
        print(f"{'durable publishes':30} {'ratio':>6} {'goal':>5} {'events/s':>9} {'p50':>9}"
              f" {'p99':>9}  CPU µs an event: {'Apus':>6} {'Postgres':>8}")
        for name, (_, _, goal) in PUBLISHES.items():
            ratio, rate, p50, p99, apus, postgres = map(statistics.median, zip(*found[name]))
            print(f"{name:30} {ratio:6.3f} {goal:>5} {rate:9,.0f} {milliseconds(p50):>9}"
                  f" {milliseconds(p99):>9} {apus:23.1f} {postgres:8.1f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="length of one measurement")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        publishing = Publishing(folder, options.seconds)
        stack.callback(publishing.close)
        publishing.publish(64)  # warm-up
        publishing.measure(options.rounds)


if __name__ == "__main__":
    main()
