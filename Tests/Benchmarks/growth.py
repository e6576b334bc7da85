"""How each cost grows: with the events stored, with live subscribers, with tenants.

Prints tables, and leaves them with a plot in `.build/bench/growth.{txt,png}`. Each figure is one
measurement of a few seconds on a machine that drifts: it is the shape that counts.
"""

import argparse
import contextlib
import pathlib
import subprocess
import tempfile
import time

from measuring import TOP, unary
from peers import PAYLOAD, SUBSCRIBERS, told
from request import framed, framed_publish, framed_subscribe
from run import Server, load

import stubs  # noqa: F401  (first: it puts the generated code on the path)
from apus.v1 import event_service_pb2_grpc, lookup_pb2, publish_pb2, subscribe_pb2
import grpc

OUTPUT = TOP / ".build" / "bench"
FEW = (("x-tenant-id", "few"),)
CATCH_UP = 200_000


class Growth:
    def __init__(self, folder, seconds):
        self.folder, self.seconds = folder, seconds
        self.server = Server()
        self.stub = event_service_pb2_grpc.EventServiceStub(
            grpc.insecure_channel(self.server.address)
        )
        self.port = self.server.address.rsplit(":", 1)[1]
        # Of a tenant that publishes a hundred events and no more.
        request = publish_pb2.PublishRequest.FromString(framed_publish(PAYLOAD)[5:])
        request.events.extend(list(request.events) * 99)
        answer = self.stub.Publish(request, metadata=FEW)
        self.id = answer.results[0].event_id

    def body(self, name, content):
        path = self.folder / name
        path.write_bytes(content)
        return path

    def call(self, method, body, in_flight, tenant="bench"):
        url = f"http://{self.server.address}/apus.v1.EventService/{method}"
        return unary(url, body, in_flight, self.seconds, [f"x-tenant-id: {tenant}"])

    @property
    def head(self):
        return self.stub.Publish(
            publish_pb2.PublishRequest.FromString(framed_publish(1)[5:]), metadata=FEW[:0]
        ).results[0].position

    def grow_to(self, events):
        batch = self.body("batch", framed_publish(PAYLOAD, events=500))
        subscription = self.body("subscribe", framed_subscribe())
        while (missing := events - self.head) > 0:
            told(SUBSCRIBERS, self.port, 1, subscription, max(1, missing // 60_000), batch, 500)

    # Rows of the tables

    def with_events(self, events):
        self.grow_to(events)
        one = self.body("one", framed_publish(PAYLOAD))
        get = self.body("get", framed(lookup_pb2.GetEventRequest(id=self.id)))
        after = self.head - CATCH_UP
        behind = self.body(
            "behind", framed_subscribe(after_position=max(0, after), until_caught_up=True)
        )
        caught_up = told(SUBSCRIBERS, self.port, 1, behind)
        return {
            "publish, 64 in flight, events/s": self.call("Publish", one, 64).rate,
            "publish, 1 in flight, p50 ms": self.call("Publish", one, 1).p50 * 1e3,
            "get, 1 in flight, p50 ms": self.call("GetEvent", get, 1, "few").p50 * 1e3,
            "a small tenant's history, ms": self.history() * 1e3,
            "catch-up, events/s": caught_up.rate,
        }

    def history(self):
        """Seconds, the best of five."""
        best = float("inf")
        for _ in range(5):
            request = subscribe_pb2.SubscribeRequest(until_caught_up=True)
            request.beginning.SetInParent()
            start = time.perf_counter()
            count = sum(
                len(answer.deliveries) for answer in self.stub.Subscribe(request, metadata=FEW)
            )
            best = min(best, time.perf_counter() - start)
            assert count >= 100, count
        return best

    def with_subscribers(self, subscribers):
        batch = self.body("batch", framed_publish(PAYLOAD, events=100))
        subscription = self.body("subscribe", framed_subscribe())
        used = self.cpu_seconds()
        found = told(
            SUBSCRIBERS, self.port, subscribers, subscription, self.seconds, batch, 100
        )
        used = self.cpu_seconds() - used
        return {
            "deliveries/s": found.rate,
            "CPU of the server, µs a delivery": used / found.rate / self.seconds * 1e6,
        }

    def with_tenants(self, tenants):
        found = load(self.server, "publish", "--in-flight", "64", "--tenants", str(tenants),
                     "--seconds", str(self.seconds))
        return {
            "publish, 64 in flight, events/s": found["events"] / found["seconds"],
            "p99 ms": found["p99"] * 1e3,
        }

    def cpu_seconds(self):
        stat = pathlib.Path(f"/proc/{self.server.process.pid}/stat").read_text()
        return sum(int(ticks) for ticks in stat.rsplit(")", 1)[1].split()[11:13]) / 100


def sizes(most):
    return (most // 100, most // 10, most)


def table(title, rows):
    columns = list(next(iter(rows.values())))
    lines = [title.rjust(12) + "".join(f"  {column:>32}" for column in columns)]
    for size, row in rows.items():
        lines.append(f"{size:12,}" + "".join(f"  {row[c]:32,.2f}" for c in columns))
    return "\n".join(lines) + "\n"


def plot(tables):
    """One picture a table: each column as a multiple of its first row."""
    script = [
        "set terminal pngcairo size 1500,500", f"set output '{OUTPUT}/growth.png'",
        f"set multiplot layout 1,{len(tables)}", "set logscale xy", "set key below",
        "set grid", "set ylabel 'times the first row'",
    ]
    for title, rows in tables.items():
        columns = list(next(iter(rows.values())))
        base = next(iter(rows.values()))
        script.append(f"set xlabel '{title}'")
        curves = [f"'-' using 1:2 with linespoints title '{column}'" for column in columns]
        script.append("plot " + ", ".join(curves))
        for column in columns:
            script += [f"{size} {row[column] / base[column]}" for size, row in rows.items()]
            script.append("e")
    subprocess.run(["gnuplot"], input="\n".join(script), text=True, check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=4, help="length of one measurement")
    parser.add_argument("--events", type=int, default=10_000_000, help="most events stored")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        growth = Growth(folder, options.seconds)
        stack.callback(growth.server.close)
        subscribers = {n: growth.with_subscribers(n) for n in (1, 10, 100, 1000)}
        tenants = {n: growth.with_tenants(n) for n in (1, 100, 10_000)}
        stored = {n: growth.with_events(n) for n in sizes(options.events)}
    tables = {"events stored": stored, "subscribers": subscribers, "tenants": tenants}
    text = "\n".join(table(title, rows) for title, rows in tables.items())
    print(text)
    (OUTPUT / "growth.txt").write_text(text)
    plot(tables)


if __name__ == "__main__":
    main()
