"""Handlers: events handled a second of what has piled up, between runs of the yardstick, and how long
from a publish to the end of its run.

The handler that does nothing is one that ships: it declines leads without an id. What a handler has
done is in Postgres, so that is where it is looked up.
"""

import argparse
import contextlib
import pathlib
import statistics
import tempfile
import time

import grpc
import psycopg

import request  # noqa: F401  (first: it makes the generated code)
from run import PAYLOAD, Server, cpu, load, milliseconds
from yardstick import Yardstick

from apus.events.lead.v1 import lead_events_pb2
from apus.events.message.v1 import message_events_pb2
from apus.v1 import event_pb2, event_service_pb2_grpc, handler_pb2, handler_service_pb2_grpc
from apus.v1 import publish_pb2

CONFIGURATION = """
handlers:
  lead-autopilot: { enabled: true }
  lead-analytics: { enabled: false }
"""
NOTHING, PROJECTION = "lead-autopilot", "message-slo"
# Handler, keys, share of the events, goal of the ratio. Of one key there is one at work at a time.
BACKLOGS = {
    "a handler that does nothing": (NOTHING, 10_000, 1, "0.30"),
    "the same, all of one key": (NOTHING, 1, 0.02, "-"),
    "a projection": (PROJECTION, 10_000, 1, "0.15"),
}
BATCH = 500
TENANTS = 50
IN_FLIGHT = 8

HANDLED = """
select coalesce(sum(p.succeeded), 0)::bigint
from apus.consumer_partitions p join apus.consumers c on c.id = p.consumer_id
where c.name = 'handler/' || %s
"""
# From the moment at which a client sent it to the end of its run.
LATENCIES = """
select percentile_cont(array[0.5, 0.99]) within group (
    order by extract(epoch from l.started_at - e.occurred_at) + l.duration_us / 1e6)
from apus.ledger l join apus.events e on e.position = l.position
where e.position > %s
"""


def event(handler, key):
    if handler == NOTHING:
        payload = lead_events_pb2.LeadCreated(source="v" * (PAYLOAD - 3))
    else:
        payload = message_events_pb2.MessageSent(
            lead_id="v" * (PAYLOAD - 22), channel="whatsapp", latency_ms=12, success=True)
    event = event_pb2.Event(subject=f"lead/{key}")
    event.data.Pack(payload)
    return event


class Handling:
    def __init__(self, folder, flags):
        configuration = folder / "apus.yaml"
        configuration.write_text(CONFIGURATION)
        self.server = Server("--config", str(configuration), *flags)
        self.channel = grpc.insecure_channel(self.server.address)
        self.events = event_service_pb2_grpc.EventServiceStub(self.channel)
        self.handlers = handler_service_pb2_grpc.HandlerServiceStub(self.channel)
        self.sql = psycopg.connect(self.server.conninfo, autocommit=True)
        self.yardstick = Yardstick(self.server.conninfo)

    def close(self):
        self.yardstick.close()
        self.sql.close()
        self.channel.close()
        self.server.close()

    def handled(self, handler):
        return self.sql.execute(HANDLED, [handler]).fetchone()[0]

    def publish(self, handler, keys, count):
        """So many events, in whole batches, shared among the tenants; those of one key have one tenant."""
        under_way = []
        for number in range(0, count, BATCH):
            if len(under_way) == IN_FLIGHT:
                under_way.pop(0).result()
            tenant = 0 if keys == 1 else number // BATCH % TENANTS
            request = publish_pb2.PublishRequest(
                events=[event(handler, (number + index) % keys) for index in range(BATCH)])
            under_way.append(self.events.Publish.future(
                request, metadata=(("x-tenant-id", f"tenant-{tenant}"),)))
        for answer in under_way:
            answer.result()

    def drain(self, handler, keys, count):
        """Events a second, and microseconds of CPU an event of Apus and of Postgres."""
        before = self.handled(handler)
        self.handlers.PauseHandler(handler_pb2.PauseHandlerRequest(name=handler))
        self.publish(handler, keys, count)
        used = cpu(self.server)
        start = time.perf_counter()
        self.handlers.ResumeHandler(handler_pb2.ResumeHandlerRequest(name=handler))
        while self.handled(handler) < before + count:
            time.sleep(0.02)
        rate = count / (time.perf_counter() - start)
        return rate, *((now - then) / count * 1e6 for now, then in zip(cpu(self.server), used))

    def backlogs(self, rounds, count):
        found = {name: [] for name in BACKLOGS}
        yards = [self.yardstick.measure()]
        for _ in range(rounds):
            for name, (handler, keys, share, _) in BACKLOGS.items():
                rate, *spent = self.drain(handler, keys, max(BATCH, int(count * share)))
                yards.append(self.yardstick.measure())
                found[name].append((rate / statistics.mean(yards[-2:]), rate, *spent))
        print(f"yardstick (binary COPY): {statistics.median(yards):,.0f} rows/s")
        print(f"{f'{count:,} events piled up':30} {'ratio':>6} {'goal':>5} {'events/s':>9}"
              f"  CPU µs an event: {'Apus':>6} {'Postgres':>8}")
        for name, (*_, goal) in BACKLOGS.items():
            ratio, rate, apus, postgres = map(statistics.median, zip(*found[name]))
            print(f"{name:30} {ratio:6.3f} {goal:>5} {rate:9,.0f} {apus:23.1f} {postgres:8.1f}",
                  flush=True)

    def large(self, count):
        before = self.yardstick.measure()
        rate, *_ = self.drain(NOTHING, 10_000, count)
        ratio = rate / statistics.mean([before, self.yardstick.measure()])
        print(f"{count:,} events piled up, a handler that does nothing: {rate:,.0f} events/s,"
              f" {ratio:.3f} of the yardstick", flush=True)

    def ledger(self, bare, rounds, count):
        """In turn with `bare`, which keeps no deliveries that ended well."""
        found = {self: [], bare: []}
        for _ in range(rounds):
            for handling, drains in found.items():
                rate, *spent = handling.drain(NOTHING, 10_000, count)
                drains.append((rate, sum(spent)))
        (rate, spent), (bare_rate, bare_spent) = (
            map(statistics.median, zip(*drains)) for drains in found.values())
        print(f"the ledger's share of that: {spent - bare_spent:.1f} of {spent:.1f} µs of CPU an"
              f" event, {1 - bare_spent / spent:.0%}; without it {bare_rate / rate:.2f} × the rate",
              flush=True)

    def latency(self, rate, seconds):
        before = self.handled(NOTHING)
        head = self.sql.execute("select coalesce(max(position), 0) from apus.events").fetchone()[0]
        load(self.server, "steady", "--rate", str(rate), "--seconds", str(seconds))
        while self.handled(NOTHING) < before + rate * seconds:
            time.sleep(0.02)
        p50, p99 = self.sql.execute(LATENCIES, [head]).fetchone()[0]
        print(f"publish to the end of its run, at {rate:,} events/s: p50 {milliseconds(p50)}"
              f" (goal 5.00 ms), p99 {milliseconds(p99)}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="length of the steady publishing")
    parser.add_argument("--events", type=int, default=100_000, help="of each backlog")
    parser.add_argument("--backlog", type=int, default=1_000_000, help="of the large one; 0: none")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        handling = Handling(folder, [])
        stack.callback(handling.close)
        for handler, keys, share, _ in BACKLOGS.values():  # warm-up
            handling.drain(handler, keys, BATCH if share < 1 else 10 * BATCH)
        handling.latency(1_000, options.seconds)
        handling.backlogs(options.rounds, options.events)
        bare = Handling(folder, ["--ledger", "failures"])
        stack.callback(bare.close)
        bare.drain(NOTHING, 10_000, 10 * BATCH)
        handling.ledger(bare, options.rounds, options.events)
        if options.backlog:
            handling.large(options.backlog)


if __name__ == "__main__":
    main()
