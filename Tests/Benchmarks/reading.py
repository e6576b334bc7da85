"""What readers get: the way from a publish to a live subscriber, between bare inserts at the same rate
on the same Postgres; history against a binary COPY OUT of the same rows; fan-out, a small tenant's
history in a large log, memory of idle subscribers.

Clients are ours or in C, so that what is measured is the server. CPU is of the server's process: on
a machine that others use too it says more than the rate.
"""

import argparse
import contextlib
import pathlib
import re
import statistics
import subprocess
import tempfile
import time

import psycopg

from growth import FEW, Growth
from peers import PAYLOAD, PGBENCH, SUBSCRIBERS, told
from request import framed_publish, framed_subscribe
from run import load, milliseconds

from apus.v1 import subscribe_pb2
from peer import END_HEADERS, HEADERS, END_STREAM, DATA, Peer, frame

# What `Inserts` times: a row with 300 bytes of payload.
INSERT = "insert into inserts (payload) values (repeat('v', 300));\n"


class Inserts:
    """The yardstick of latencies: single inserts into a plain table on the same Postgres, each durable
    when it is answered, by pgbench, at a steady rate or one after another."""

    CONNECTIONS = 8

    def __init__(self, conninfo, folder):
        self.conninfo = conninfo
        self.folder = folder
        self.script = folder / "insert.sql"
        self.script.write_text(INSERT)
        with psycopg.connect(conninfo) as connection:
            connection.execute(
                "create table public.inserts (id bigint generated always as identity, payload text)")

    def measure(self, rate, seconds):
        """Seconds: the median and the 99th percentile. As a client of Apus does, it counts from the
        moment at which it sends: not what it was late by itself."""
        with tempfile.TemporaryDirectory(dir=self.folder) as logs:
            subprocess.run(
                [PGBENCH, "--no-vacuum", "--protocol", "prepared", "--file", str(self.script),
                 "--client", str(self.CONNECTIONS if rate else 1), "--time", str(seconds),
                 "--log", "--log-prefix", f"{logs}/log", *(["--rate", str(rate)] if rate else []),
                 self.conninfo],
                check=True, capture_output=True,
            )
            # Client, number, latency in µs and, at a rate, the share of it before it was sent.
            fields = [line.split() for log in pathlib.Path(logs).iterdir() for line in log.open()]
        taken = sorted(int(field[2]) - (int(field[6]) if rate else 0) for field in fields)
        return [taken[len(taken) * percent // 100] / 1e6 for percent in (50, 99)]


class Reading(Growth):
    def delivery(self, folder):
        inserts = Inserts(self.server.conninfo, folder)
        for name, mode, rate in [
            ("one in flight", "delivery-alone", None),
            ("at 1,000 events/s", "delivery", 1_000),
            ("at 5,000 events/s", "delivery", 5_000),
        ]:
            before = inserts.measure(rate, self.seconds)
            found = load(self.server, mode, *(["--rate", str(rate)] if rate else []),
                         "--seconds", str(self.seconds))
            after = inserts.measure(rate, self.seconds)
            p50, p99 = (milliseconds(sum(pair) / 2) for pair in zip(before, after))
            print(f"publish to live delivery, {name}: p50 {milliseconds(found['p50'])},"
                  f" p99 {milliseconds(found['p99'])}; a bare insert: p50 {p50}, p99 {p99}",
                  flush=True)

    def catch_up(self, rounds, rows=200_000):
        self.grow_to(rows)
        after = self.head - rows
        behind = self.body(
            "behind", framed_subscribe(after_position=max(0, after), until_caught_up=True)
        )
        ratios, rates, cpu = [], [], []
        before = self.copy_out(after)
        for _ in range(rounds):
            used = self.cpu_seconds()
            rates.append(told(SUBSCRIBERS, self.port, 1, behind).rate)
            cpu.append((self.cpu_seconds() - used) / rows * 1e6)
            then = self.copy_out(after)
            ratios.append(rates[-1] / ((before + then) / 2))
            before = then
        print(f"catch-up from history: {statistics.median(rates):,.0f} events/s,"
              f" {statistics.median(ratios):.3f} of a binary COPY OUT of the rows,"
              f" {statistics.median(cpu):.2f} µs of the server's CPU an event", flush=True)

    def copy_out(self, after):
        """Rows a second, read by psql and thrown away."""
        start = time.perf_counter()
        done = subprocess.run(
            ["psql", self.server.conninfo, "-Xqc", "copy (select * from apus.events where position >"
             f" {after}) to stdout with (format binary)"],
            stdout=subprocess.DEVNULL, check=True,
        )
        assert done.returncode == 0
        return (self.head - 1 - after) / (time.perf_counter() - start)

    def fan_out(self, subscribers=100):
        found = self.with_subscribers(subscribers)
        print(f"fan-out to {subscribers} live subscribers: {found['deliveries/s']:,.0f}"
              f" deliveries/s, {found['CPU of the server, µs a delivery']:.2f} µs of CPU each",
              flush=True)

    def small_tenant(self, events):
        self.grow_to(events)
        print(f"history of a tenant with 100 events of {self.head:,}:"
              f" {milliseconds(self.history())}", flush=True)

    def idle(self, count=1_000):
        subscription = framed_subscribe()
        with contextlib.ExitStack() as stack:
            for _ in range(20):  # the first few cost more than the rest
                stack.enter_context(subscribed(self.server, subscription))
            before = self.resident()
            for _ in range(count):
                stack.enter_context(subscribed(self.server, subscription))
            each = (self.resident() - before) / count
            used = self.cpu_seconds()
            time.sleep(2)
            used = self.cpu_seconds() - used
        print(f"an idle subscriber on a connection of its own: {each / 1024:.1f} KiB;"
              f" all {count:,} take {used / 2:.1%} of a core", flush=True)

    def resident(self):
        text = pathlib.Path(f"/proc/{self.server.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) << 10


def subscribed(server, request):
    """A connection whose one call has been told that it is caught up."""
    peer = Peer(server)
    stream = peer.new_stream()
    fields = peer.fields(
        "POST", "/apus.v1.EventService/Subscribe", ("te", "trailers"),
        ("content-type", "application/grpc"), (FEW[0][0], "idle"),
    )
    peer.send(
        frame(HEADERS, END_HEADERS, stream, peer.block(fields)),
        frame(DATA, END_STREAM, stream, request),
    )
    peer.until(lambda found: found.type == DATA)
    return peer


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=int, default=4, help="length of one measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, default=1_000_000, help="in the large log")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        reading = Reading(folder, options.seconds)
        stack.callback(reading.server.close)
        reading.delivery(folder)
        reading.catch_up(options.rounds)
        reading.fan_out()
        reading.idle()
        reading.small_tenant(options.events)


if __name__ == "__main__":
    main()
