"""Apus beside others that store events, in one interleaved run: what each promises when it
acknowledges, its events a second, and the ratio to the yardstick (binary COPY with fsync).

Every publish is one call with 300 bytes of payload. Load comes from C: h2load for Apus and etcd,
pgbench for the table, a client of our own for JetStream.
"""

import argparse
import contextlib
import json
import pathlib
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request

from measuring import LINES, TOP, Result, unary
from request import framed_publish, framed_subscribe
from run import Server as Apus
from yardstick import Yardstick

JETSTREAM = TOP / ".build" / "bench" / "jetstream"
SUBSCRIBERS = TOP / ".build" / "bench" / "subscribers"
PGBENCH = "/usr/lib/postgresql/15/bin/pgbench"
PAYLOAD = 300


def told(*command):
    """What one of our clients in C says."""
    output = subprocess.run(
        [str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    found = json.loads(output)
    return Result(found["events"] / found["seconds"], found["p50"], found["p99"])


class OnApus:
    name, promise = "Apus", "fsync, group commit; checked, ordered, deduplicated"

    def __init__(self, folder):
        self.server = Apus()
        self.body = folder / "publish"
        self.body.write_bytes(framed_publish(PAYLOAD))
        self.batch = folder / "batch"
        self.batch.write_bytes(framed_publish(PAYLOAD, events=100))
        self.subscription = folder / "subscribe"
        self.subscription.write_bytes(framed_subscribe())
        self.conninfo = self.server.conninfo

    def publish(self, in_flight, seconds):
        url = f"http://{self.server.address}/apus.v1.EventService/Publish"
        return unary(url, self.body, in_flight, seconds, ["x-tenant-id: bench"])

    def fan_out(self, subscribers, seconds):
        port = self.server.address.rsplit(":", 1)[1]
        return told(
            SUBSCRIBERS, port, subscribers, self.subscription, seconds, self.batch, 100
        )

    def close(self):
        self.server.close()


class OnTable:
    name, promise = "a table, one INSERT a call", "fsync, group commit of Postgres"

    def __init__(self, folder, conninfo):
        import psycopg

        self.script = folder / "insert.sql"
        self.script.write_text(
            "insert into bench_table (id, tenant, type, data) values (gen_random_uuid(), 'bench',"
            f" 'lead.created', decode(repeat('76', {PAYLOAD}), 'hex'));\n"
        )
        self.conninfo = conninfo
        with psycopg.connect(conninfo, autocommit=True) as sql:
            sql.execute(
                "create table bench_table (position bigint generated always as identity primary"
                " key, id uuid not null unique, tenant text not null, type text not null,"
                " data bytea not null)"
            )

    def publish(self, in_flight, seconds):
        # A call of a client is a connection here; Postgres takes no 512 of them.
        clients = min(in_flight, 64)
        output = subprocess.run(
            [PGBENCH, "-n", "-M", "prepared", "-f", self.script, "-c", str(clients), "-T",
             str(seconds), self.conninfo],
            check=True, capture_output=True, text=True,
        ).stdout
        rate = float(output.split("tps = ")[1].split()[0])
        mean = float(output.split("latency average = ")[1].split()[0]) / 1e3
        return Result(rate, mean, float("nan"))

    def close(self):
        pass


class Spawned:
    """A server that is another project's own program."""

    def __init__(self, *command):
        self.folder = tempfile.mkdtemp(prefix="apus-peer-")
        self.port = free_port()
        self.process = subprocess.Popen(
            self.command(*command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 30
        while not self.is_up():
            assert time.monotonic() < deadline and self.process.poll() is None, self.name
            time.sleep(0.05)

    def close(self):
        self.process.terminate()
        self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)


class OnJetStream(Spawned):
    name, promise = "NATS JetStream, file", "written to the page cache, no fsync"

    def command(self):
        return ["nats-server", "-js", "-sd", self.folder, "-a", "127.0.0.1", "-p", str(self.port)]

    def is_up(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            return True
        return False

    def publish(self, in_flight, seconds):
        return told(JETSTREAM, "publish", self.port, in_flight, seconds)

    def fan_out(self, subscribers, seconds):
        return told(JETSTREAM, "fan-out", self.port, subscribers, seconds)


class OnEtcd(Spawned):
    name, promise = "etcd, Put", "fdatasync, group commit"

    def __init__(self, folder):
        self.body = folder / "put"
        # etcdserverpb.PutRequest {1 key, 2 value}
        value = b"\x12" + bytes([PAYLOAD & 0x7F | 0x80, PAYLOAD >> 7]) + b"v" * PAYLOAD
        message = b"\x0a\x04lead" + value
        self.body.write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)
        super().__init__()

    def command(self):
        url, peers = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{free_port()}"
        return [
            "etcd", "--data-dir", self.folder, "--listen-client-urls", url,
            "--advertise-client-urls", url, "--listen-peer-urls", peers,
            "--initial-advertise-peer-urls", peers, "--initial-cluster", f"default={peers}",
            "--quota-backend-bytes", str(8 << 30), "--log-level", "error",
        ]

    def is_up(self):
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health") as answer:
                return b"true" in answer.read()
        return False

    def publish(self, in_flight, seconds):
        url = f"http://127.0.0.1:{self.port}/etcdserverpb.KV/Put"
        return unary(url, self.body, in_flight, seconds)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="length of one measurement")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        apus = OnApus(folder)
        stack.callback(apus.close)
        peers = [apus, OnTable(folder, apus.conninfo)]
        for make in (lambda: OnJetStream(), lambda: OnEtcd(folder)):
            peers.append(make())
            stack.callback(peers[-1].close)
        yardstick = Yardstick(apus.conninfo)
        stack.callback(yardstick.close)
        report(measure(peers, yardstick, options))
        compare_fan_out(peers, options)


def measure(peers, yardstick, options):
    """(peer, in flight) → its results, each with its ratio to the yardsticks beside it."""
    for peer in peers:
        peer.publish(64, 2)
    found = {}
    before = yardstick.measure()
    for _ in range(options.rounds):
        for in_flight in LINES:
            for peer in peers:
                result = peer.publish(in_flight, options.seconds)
                after = yardstick.measure()
                result.ratio = result.rate / ((before + after) / 2)
                found.setdefault((peer, in_flight), []).append(result)
                before = after
    return found


def compare_fan_out(peers, options):
    able = [peer for peer in peers if hasattr(peer, "fan_out")]
    rates = {peer: [] for peer in able}
    for _ in range(options.rounds):
        for peer in able:
            rates[peer].append(peer.fan_out(100, options.seconds).rate)
    for peer in able:
        print(f"{peer.name:28} {statistics.median(rates[peer]):10,.0f} deliveries/s to 100"
              " live subscribers")


def report(found):
    print(f"{'one call an event':28} {'in flight':>9} {'ratio':>7} {'events/s':>10}"
          f" {'p50 ms':>8} {'p99 ms':>8}  promise at acknowledgement")
    for (peer, in_flight), results in sorted(
        found.items(), key=lambda item: (item[0][1], -item[1][0].rate)
    ):
        def middle(name):
            return statistics.median(getattr(result, name) for result in results)

        print(f"{peer.name:28} {in_flight:9} {middle('ratio'):7.3f} {middle('rate'):10,.0f}"
              f" {middle('p50') * 1e3:8.2f} {middle('p99') * 1e3:8.2f}  {peer.promise}")
    print("p50 of the table is pgbench's mean; its 512 in flight are 64 connections.")


if __name__ == "__main__":
    main()
