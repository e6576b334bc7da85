"""`make bench`: Apus against the yardstick, interleaved, printed as ratios.

Each figure stands between two runs of the yardstick on the same Postgres; its ratio is to their
mean. The machine's speed drifts, so figures of different runs are not comparable; ratios are.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import tempfile

from yardstick import Yardstick

TOP = pathlib.Path(__file__).resolve().parents[2]
APUS = TOP / ".build" / "release" / "apus"
LOAD = TOP / ".build" / "release" / "apus-load"

PUBLISHES = [
    ("unary, 1 in flight", ["publish", "--in-flight", "1"]),
    ("unary, 64 in flight", ["publish", "--in-flight", "64"]),
    ("unary, 512 in flight", ["publish", "--in-flight", "512"]),
    ("PublishStream, 100 a request", ["publish-stream", "--batch", "100", "--in-flight", "16"]),
]


class Server:
    def __init__(self):
        self.data = tempfile.mkdtemp(prefix="apus-bench-")
        os.chmod(self.data, 0o755)
        self.process = subprocess.Popen(
            [str(APUS), "serve", "--listen", "127.0.0.1:0", "--data-dir", self.data,
             "--log-level", "warning"],
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


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="length of one measurement")
    options = parser.parse_args()
    seconds = ["--seconds", str(options.seconds)]

    server = Server()
    try:
        yardstick = Yardstick(server.conninfo)
        load(server, "publish", "--in-flight", "64", *seconds)  # warm-up

        ratios = {name: [] for name, _ in PUBLISHES}
        rates = {name: [] for name, _ in PUBLISHES}
        latencies = {name: [] for name, _ in PUBLISHES}
        yards = []
        before = yardstick.measure()
        for _ in range(options.rounds):
            for name, arguments in PUBLISHES:
                result = load(server, *arguments, *seconds)
                after = yardstick.measure()
                rate = result["events"] / result["seconds"]
                ratios[name].append(rate / ((before + after) / 2))
                rates[name].append(rate)
                latencies[name].append((result["p50"], result["p99"]))
                yards.append(after)
                before = after
        print(f"yardstick (binary COPY): {statistics.median(yards):,.0f} rows/s")
        print(f"{'durable publishes':32} {'ratio':>7} {'events/s':>10} {'p50':>10} {'p99':>10}")
        for name, _ in PUBLISHES:
            p50 = statistics.median(p for p, _ in latencies[name])
            p99 = statistics.median(p for _, p in latencies[name])
            print(
                f"{name:32} {statistics.median(ratios[name]):7.3f}"
                f" {statistics.median(rates[name]):10,.0f}"
                f" {milliseconds(p50):>10} {milliseconds(p99):>10}"
            )

        delivery = load(server, "delivery", "--rate", "1000", *seconds)
        print(
            f"publish to delivery at 1,000 events/s: p50 {milliseconds(delivery['p50'])},"
            f" p99 {milliseconds(delivery['p99'])}"
        )
        before = yardstick.measure()
        catch_up = load(server, "catch-up", "--events", "200000")
        after = yardstick.measure()
        rate = catch_up["events"] / catch_up["seconds"]
        print(
            f"catch-up from history: {rate:,.0f} events/s,"
            f" ratio {rate / ((before + after) / 2):.3f}"
        )
        yardstick.close()
    finally:
        server.close()


if __name__ == "__main__":
    main()
