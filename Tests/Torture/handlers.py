"""`make torture`, second part: handlers on several nodes while nodes, the database, neighbours and a
webhook endpoint break.

Prints its seed; the same seed makes the same events and the same faults at the same moments. Ends with
0 when every event has ended for every handler as `settlement.py` says, and projections are what a
rebuild from nothing makes of the log.
"""

import asyncio
import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "EndToEnd"))

import stubs  # noqa: E402,F401  (first: it puts the generated code on the path)
import grpc  # noqa: E402
from apus.v1 import (  # noqa: E402
    dead_letter_pb2, event_service_pb2_grpc, handler_pb2, handler_service_pb2_grpc, lookup_pb2,
)
from endpoint import Endpoint  # noqa: E402
from history import History  # noqa: E402
from neighbourhood import HandlerNemesis, Neighbourhood  # noqa: E402
from receivers import new_secret  # noqa: E402
from settlement import (  # noqa: E402
    ENGINE, DeadLetter, Event, Handler, Record, Settlement,
)
from shops import POISON, Shop  # noqa: E402
from stage import Stage, arguments, perform  # noqa: E402
from survivors import Client  # noqa: E402

LEASE = 2.0
# A circuit stays open for up to a minute after what it guards is back.
REST = 240
TENANTS = ["acme", "globex", "initech"]
HUB = "handler/security-hub-audit"
HOLDING = "webhook/held"
PROJECTIONS = {
    "lead-analytics": ["leads", "lead_funnel", "lead_attribution"],
    "message-slo": ["message_latency"],
    "autopilot-attribution": ["autopilot_actions", "autopilot_touches", "lead_conversions"],
    "sequence-funnel": ["sequence_leads", "sequence_funnel"],
    "order-analytics": ["orders", "order_money", "order_days"],
    "conversation-analytics": ["conversations", "conversation_days", "conversation_quality"],
    "inventory": ["stock", "stock_lines", "stock_orders", "stock_returns"],
}
# Until they succeed or fail for good; a crash may take as many attempts as it likes.
PERSISTENT = {"maxAttempts": 1000, "firstDelay": "50ms", "maxDelay": "1s"}
REBUILT = "select row_to_json(t)::text from apus.{} t order by 1"
REST_QUERY = """
select coalesce(max(a.last_position), 0) as head, (
    select count(*) from apus.handlers h join apus.consumer_partitions p using (consumer_id)
    where p.position < (select max(last_position) from apus.appends)
) as behind, (
    select count(*) from apus.work w join apus.handlers h using (consumer_id) where w.state <> 3
) as open, (
    select count(*) from apus.work w join apus.handlers h using (consumer_id) where w.state = 3
) as held, (
    select count(*) from apus.consumer_lanes l join apus.handlers h using (consumer_id)
) as lanes
from apus.appends a
"""


LEFT = """
select c.name, p.partition, p.position, p.holder, p.fence, p.serial,
    coalesce(string_agg(format('%s: state %s attempt %s lost %s ticket %s fence %s due %s',
        w.position, w.state, w.attempt, w.lost, w.ticket, w.fence, w.due_at), '; '), '')
from apus.handlers h join apus.consumers c on c.id = h.consumer_id
join apus.consumer_partitions p using (consumer_id)
left join apus.work w using (consumer_id, partition)
where w.position is not null or p.position < (select max(last_position) from apus.appends)
group by 1, 2, 3, 4, 5, 6 order by 1, 2
"""


class Desk(Client):
    """Asks nodes until one answers."""

    async def ask(self, service, method, request, tenant=TENANTS[0]):
        while True:
            try:
                stub = service(self.chance.choice(self.cluster.channels))
                return await getattr(stub, method)(
                    request, timeout=5, metadata=(("x-tenant-id", tenant),))
            except grpc.aio.AioRpcError as error:
                self.forgive(error, method)
                await self.pause()

    async def discard(self, consumer):
        """Lets go what holds up its key."""
        for tenant in TENANTS:
            await self.ask(
                handler_service_pb2_grpc.HandlerServiceStub, "DiscardDeadLetters",
                dead_letter_pb2.DiscardDeadLettersRequest(
                    consumer=consumer, reason="the torture goes on"), tenant)

    async def retry(self, consumer):
        for tenant in TENANTS:
            await self.ask(
                handler_service_pb2_grpc.HandlerServiceStub, "RetryDeadLetters",
                dead_letter_pb2.RetryDeadLettersRequest(consumer=consumer), tenant)

    async def rebuild(self, name):
        await self.ask(
            handler_service_pb2_grpc.HandlerServiceStub, "RebuildHandler",
            handler_pb2.RebuildHandlerRequest(name=name))

    async def unfinished(self, tenant):
        answer = await self.ask(
            event_service_pb2_grpc.EventServiceStub, "ListEvents",
            lookup_pb2.ListEventsRequest(statuses=[
                lookup_pb2.EVENT_STATUS_PENDING, lookup_pb2.EVENT_STATUS_PROCESSING]), tenant)
        return [(e.event.position, e.event.type, e.status) for e in answer.events]

    async def bury(self):
        """While everything breaks: a dead letter is tried again, or let go."""
        while not self.calm.is_set():
            await self.pause(2)
            await self.retry(self.chance.choice([ENGINE, "webhook/loose"]))
            await self.discard(HOLDING)


class Torture:
    def __init__(self, options):
        self.options = options
        self.history = History()
        self.stage = Stage()
        self.tell = self.stage.tell
        self.endpoint = Endpoint(options.seed)
        self.neighbourhood = None

    async def run(self):
        try:
            await self.endpoint.start()
            self.neighbourhood = await asyncio.to_thread(Neighbourhood, self.endpoint)
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                json.dump(self.configuration(), file)
                file.flush()
                await self.stage.open(
                    self.options.nodes, "--config", file.name, "--lease-time", f"{LEASE:g}s",
                    "--drain-timeout", "10s")
                await self.run_on(self.stage.database, self.stage.cluster)
            return self.history.violations
        finally:
            await self.stage.close()
            if self.neighbourhood is not None:
                await asyncio.to_thread(self.neighbourhood.close)

    def configuration(self):
        def hook(name, types, **options):
            return {
                "name": name, "url": f"http://127.0.0.1:{self.endpoint.port}/{name}",
                "types": types, "secrets": [new_secret()], "allowPrivateAddresses": True,
                "timeLimit": "2s", "retry": PERSISTENT, **options,
            }

        def place(service):
            return {"address": service.address, "deadline": "2s"}

        return {
            "handlers": {
                "mcp-engine": {"retry": PERSISTENT}, "security-hub-audit": {"retry": PERSISTENT},
                "lead-autopilot": {"enabled": True, "retry": PERSISTENT},
                **{name: {"retry": {"maxAttempts": 1000}} for name in PROJECTIONS},
            },
            "webhooks": [
                hook("ordered", ["lead.*", "order.*", "chat.**"]),
                hook("held", ["order.*", "sequence.*"], afterDeadLetter="hold"),
                hook("loose", ["**"], ordering="none", retry={**PERSISTENT, "maxAttempts": 6}),
            ],
            "neighbours": {
                "mcpEngine": place(self.neighbourhood.engine),
                "securityHub": place(self.neighbourhood.hub),
            },
        }

    async def run_on(self, database, cluster):
        with database.sql() as sql:
            sql.execute(
                "alter table apus.leads add constraint innocent"
                f" check (lead_id not like '{POISON}-%')")
        nemesis = HandlerNemesis(
            self.options.seed, self.stage, self.history, LEASE, neighbourhood=self.neighbourhood)
        common = (cluster, self.history, self.options.seed)
        shops = [
            Shop(f"shop-{n}", *common, tenant=tenant, rate=self.options.rate)
            for n, tenant in enumerate(TENANTS)
        ]
        desk = Desk("desk", *common)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(shop.run()) for shop in shops]
            burying = group.create_task(desk.bury())
            await nemesis.run(nemesis.plan(self.options.seconds, self.options.faults))
            self.tell("faults are over")
            await asyncio.to_thread(self.neighbourhood.calm)
            for client in [*shops, desk]:
                client.calm.set()
            await self.rest(asyncio.wait([*tasks, burying]), "shops rest")
            await self.rest(self.settled(database, desk), "handlers rest")
            for task in [*tasks, burying]:
                task.cancel()
        for tenant in TENANTS:
            for told in await desk.unfinished(tenant):
                self.history.violate("a status is true", f"{tenant}: {told}")
        await asyncio.to_thread(self.check, database)
        await self.stage.verify(self.history)
        await self.check_rebuilds(database, desk)

    async def rest(self, coming, what):
        try:
            await asyncio.wait_for(coming, REST)
            self.tell(what)
        except TimeoutError:
            self.history.violate("all come to rest", f"not within {REST} s: {what}")
            for row in await asyncio.to_thread(ask, self.stage.database, LEFT):
                self.tell(f"left: {row}")

    async def settled(self, database, desk):
        """Twice the same, since what ends a run may publish an event."""
        last = None
        while True:
            standing = await asyncio.to_thread(ask, database, REST_QUERY)
            (head, behind, open, held, lanes), = standing
            if behind == open == lanes == 0 and held == 0 and last == standing:
                return
            if held:
                await desk.discard(HOLDING)
            if self.options.watch:
                self.tell(f"head {head}, behind {behind}, open {open}, held {held}, lanes {lanes}")
            last = standing
            await asyncio.sleep(0.5)

    def check(self, database):
        events = [Event(*row) for row in ask(database, """
            select e.position, e.id::text, n.name, t.name,
                coalesce(e.partition_key, e.subject, n.name), coalesce(e.causation_id, '')
            from apus.events e join apus.tenants n on n.id = e.tenant_id
            join apus.types t on t.id = e.type_id order by e.position""")]
        self.tell(f"{len(events)} events stored")
        handlers = [
            Handler(name, tuple(patterns), name not in (HUB, "webhook/loose"))
            for name, patterns in ask(database, """
                select c.name, array_agg(p.pattern) from apus.handler_patterns p
                join apus.consumers c on c.id = p.consumer_id group by c.name""")
        ]
        ledger = [Record(*row) for row in ask(database, """
            select l.position, c.name, l.attempt, l.outcome from apus.ledger l
            join apus.consumers c on c.id = l.consumer_id order by l.id""")]
        letters = [DeadLetter(*row) for row in ask(database, """
            select d.position, c.name, d.resolution from apus.dead_letters d
            join apus.consumers c on c.id = d.consumer_id order by d.id""")]
        self.tell(f"{len(ledger)} rows in the ledger, {len(letters)} dead letters")
        poisoned = {position for position, in ask(
            database, "select position from apus.events"
            f" where position('{POISON}-'::bytea in data) > 0")}
        stored = {event.id for event in events}
        for id in self.history.acknowledged:
            if id not in stored:
                self.history.violate("acknowledged is stored", id)

        def innocent(consumer, event):
            if consumer == "handler/lead-analytics":
                return event.position not in poisoned
            if consumer.startswith("webhook/"):
                hook = consumer.removeprefix("webhook/")
                return hook != "loose" and not Endpoint.is_poison(hook, event.id)
            return consumer not in (ENGINE, HUB)

        settlement = Settlement(events, handlers, ledger, letters, innocent, self.history.violate)
        settlement.check()
        for hook, arrivals in self.endpoint.arrivals.items():
            settlement.check_arrivals(
                f"webhook/{hook}", [(a.event, a.delivery, a.answer == 200) for a in arrivals])
        settlement.check_arrivals(ENGINE, self.asked())
        settlement.check_arrivals(HUB, self.audited())

    def asked(self):
        for call in self.neighbourhood.engine.calls():
            for message in call["request"].get("messages", [call["request"]]):
                told = message.get("metadata", {})
                if "custom_metadata" in told:
                    yield told["custom_metadata"]["event_id"], told["request_id"], None

    def audited(self):
        for call in self.neighbourhood.hub.calls("RecordAuditEvents"):
            for event in call["request"]["events"]:
                yield event["event_id"], "", None

    async def check_rebuilds(self, database, desk):
        """Projections are what the log makes of them."""
        before = await asyncio.to_thread(tables, database)
        for name in PROJECTIONS:
            await desk.rebuild(name)
        await self.rest(self.settled(database, desk), "projections are rebuilt")
        after = await asyncio.to_thread(tables, database)
        rows = 0
        for table in before:
            rows += len(before[table])
            if before[table] != after[table]:
                lost = set(before[table]) ^ set(after[table])
                self.history.violate(
                    "projections are what the log makes of them",
                    f"{table}: {len(lost)} rows differ, such as {sorted(lost)[:4]}")
        self.tell(f"{rows} rows of projections")


def ask(database, query):
    with database.sql() as sql:
        return sql.execute(query).fetchall()


def tables(database):
    return {
        table: [row for row, in ask(database, REBUILT.format(table))]
        for names in PROJECTIONS.values() for table in names
    }


def main():
    parser = arguments(__doc__)
    parser.add_argument("--rate", type=float, default=6, help="requests a second of each shop")
    parser.add_argument("--watch", action="store_true", help="show how handlers come to rest")
    perform(Torture, parser.parse_args())


if __name__ == "__main__":
    main()
