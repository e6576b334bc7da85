"""The log in SQL: what public.events shows, to whom, and how fast."""

import json

import psycopg
import pytest
from apus.v1 import lookup_pb2

from clients import Client, eventually
from events import event, lead, payload, unhandled
from nodes import run_apus
from postgres import Postgres
from receivers import Receiver, new_secret

# What people ask of it, to the letter.
NEWEST = """
SELECT
    id,
    type,
    status,
    created_at,
    processed_at,
    error_message
FROM public.events
ORDER BY created_at DESC
LIMIT 20;
"""
FAILED = """
SELECT * FROM public.events
WHERE status = 'failed'
ORDER BY created_at DESC;
"""
PENDING = """
SELECT * FROM public.events
WHERE status = 'pending'
ORDER BY created_at DESC;
"""

STATUS = {
    lookup_pb2.EVENT_STATUS_PENDING: "pending",
    lookup_pb2.EVENT_STATUS_PROCESSING: "processing",
    lookup_pb2.EVENT_STATUS_PROCESSED: "processed",
    lookup_pb2.EVENT_STATUS_FAILED: "failed",
}
# A retry is longer away than a test takes.
LATER = {"firstDelay": "10m", "maxDelay": "1h", "maxAttempts": 5}


@pytest.fixture
def postgres():
    made = Postgres()
    yield made
    made.close()


@pytest.fixture
def receive():
    made = []

    def start(answer):
        made.append(Receiver(answer))
        return made[-1]

    yield start
    for receiver in made:
        receiver.close()


class Log:
    """A Postgres of the operator's with a node on it, and what its roles see."""

    def __init__(self, postgres, node, clients):
        self.postgres = postgres
        self.node = node
        self.clients = clients

    def client(self, tenant="acme"):
        return self.clients(self.node, tenant)

    def connect(self, role="apus"):
        return psycopg.connect(self.postgres.uri(user=role), autocommit=True)

    def ask(self, query, role="apus", parameters=None):
        with self.connect(role) as sql:
            cursor = sql.execute(query, parameters)
            names = [column.name for column in cursor.description]
            return [dict(zip(names, row)) for row in cursor.fetchall()]

    def statuses(self, role="apus"):
        return {str(row["id"]): row["status"] for row in
                self.ask("select id, status from public.events", role)}

    def make_reader(self, role, tenant):
        with self.connect() as sql:
            sql.execute(f"create role {role} login")
            sql.execute("select apus.allow_reading(%s, %s)", [role, tenant])

    def shown(self, count=1):
        """Once the payloads of so many events can be read."""
        eventually(
            lambda: self.ask("select count(*) from apus.event_payloads")[0]["count"] >= count,
            "payloads are written")

    def agrees(self, client, *ids):
        """What the view says of events, once it is what GetEvent says before and after."""

        def told():
            return {id: STATUS[client.get(id).status] for id in ids}

        def agreed():
            before, shown, after = told(), self.statuses(), told()
            return before if before == after == {id: shown[id] for id in ids} else None

        return eventually(agreed, "the view agrees with GetEvent")


@pytest.fixture
def log(postgres, start_node, new_client):
    return Log(postgres, start_node("--database", postgres.uri()), new_client)


@pytest.fixture
def hooked(postgres, start_node, new_client, receive, tmp_path):
    """A log with two webhooks: `good` takes everything, `bad` is asked for orders."""

    def start(bad, *flags):
        def endpoint(name, receiver, types):
            return {
                "name": name, "url": receiver.url(), "types": types, "secrets": [new_secret()],
                "allowPrivateAddresses": True, "retry": LATER,
            }

        path = tmp_path / "apus.yaml"
        path.write_text(json.dumps({"webhooks": [
            endpoint("good", receive(200), ["lead.*"]),
            endpoint("bad", receive(bad), ["order.*"]),
        ]}))
        node = start_node("--database", postgres.uri(), "--config", path, *flags)
        return Log(postgres, node, new_client)

    return start


def order(number="1", **fields):
    return event(payload("order.created", order_id=number), **fields)


def status_is(log, client, id, wanted):
    eventually(lambda: STATUS[client.get(id).status] == wanted, f"{id} is {wanted}")


def test_the_columns_are_those_of_an_event(log):
    client = log.client()
    sent = client.publish_one(
        lead(lead_id="7", source="crm", metadata={"correlation_id": "c", "request_id": "r"}))
    other = client.publish_one(unhandled())
    answer = client.processed(sent.event_id)
    log.shown(2)
    rows = {str(row["id"]): row for row in log.ask("select * from public.events")}
    row = rows[sent.event_id]
    assert list(row) == [
        "id", "tenant_id", "type", "payload", "source", "status", "created_at", "processed_at",
        "error_message", "request_id", "correlation_id",
    ]
    assert row["tenant_id"] == "acme" and row["type"] == "lead.created"
    assert row["payload"] == {"leadId": "7", "source": "manual"}
    assert row["source"] == "crm" and row["status"] == "processed"
    assert row["created_at"].timestamp() == answer.event.recorded_at.ToDatetime(
        tzinfo=row["created_at"].tzinfo).timestamp()
    assert row["processed_at"].timestamp() == answer.processed_at.ToDatetime(
        tzinfo=row["created_at"].tzinfo).timestamp()
    assert row["error_message"] is None
    assert (row["request_id"], row["correlation_id"]) == ("r", "c")
    # As in an event of the API: an event's own id is its correlation.
    assert rows[other.event_id]["correlation_id"] == other.event_id


def test_the_three_queries_run_as_they_are(log):
    client = log.client()
    log.make_reader("acme", "acme")
    log.node.apus("handlers", "pause", "lead-analytics")
    done = client.publish_one(unhandled())
    waiting = client.publish_one(lead())
    for role in ("apus", "acme"):
        newest = log.ask(NEWEST, role)
        assert [str(row["id"]) for row in newest] == [waiting.event_id, done.event_id]
        assert [row["status"] for row in newest] == ["pending", "processed"]
        assert [str(row["id"]) for row in log.ask(PENDING, role)] == [waiting.event_id]
        assert log.ask(FAILED, role) == []


def test_statuses_are_those_of_the_books(hooked):
    log = hooked(410)
    client = log.client()
    ids = [client.publish_one(e).event_id for e in (lead(), order(), unhandled())]
    status_is(log, client, ids[0], "processed")
    status_is(log, client, ids[1], "failed")
    assert set(log.agrees(client, *ids).values()) == {"processed", "failed"}
    eventually(lambda: log.ask(FAILED)[0]["payload"] is not None, "its payload is written")
    (failed,) = log.ask(FAILED)
    assert str(failed["id"]) == ids[1] and failed["payload"] == {"orderId": "1"}
    assert failed["error_message"] == client.get(ids[1]).error_message != ""

    # They come from the books, not from the ledger.
    with log.connect() as sql:
        sql.execute("delete from apus.ledger")
    log.agrees(client, *ids)

    # A dead letter that is discarded has nothing to be done any more.
    log.node.apus("dead-letters", "discard", "--consumer", "webhook/bad", "--reason", "old",
                  tenant="acme")
    status_is(log, client, ids[1], "processed")
    log.agrees(client, *ids)


def test_an_event_is_processing_from_its_first_attempt_on(hooked):
    log = hooked(503)
    client = log.client()
    id = client.publish_one(order()).event_id
    eventually(lambda: log.statuses()[id] == "processing", "it was attempted")
    assert log.agrees(client, id) == {id: "processing"}
    # A second one of the same key waits behind it, or was tried itself: as GetEvent says.
    other = client.publish_one(order(subject="order/1")).event_id
    log.agrees(client, id, other)


def test_a_handler_that_came_late_does_not_count_for_what_was_before(
    postgres, start_node, new_client, hooked
):
    first = start_node("--database", postgres.uri())
    first.apus("handlers", "pause", "lead-analytics")
    before = Client(first, "acme")
    old = before.publish_one(order()).event_id
    status_is(None, before, old, "processed")
    waiting = before.publish_one(lead()).event_id
    before.close()
    assert first.stop() == 0
    log = hooked(410)
    client = log.client()
    new = client.publish_one(order()).event_id
    status_is(log, client, new, "failed")
    # Of its handlers, one came late and counts for nothing; the other was not handed it.
    assert log.agrees(client, old, new, waiting) == {
        old: "processed", new: "failed", waiting: "pending"}


def test_what_waits_in_the_backlog_is_pending_whether_its_payload_is_written_or_not(
    postgres, start_node, new_client
):
    node = start_node("--database", postgres.uri(), "--no-payloads")
    log = Log(postgres, node, new_client)
    client = log.client()
    node.apus("handlers", "pause", "lead-analytics")
    sent = [client.publish_one(lead()).event_id for _ in range(3)]
    done = client.publish_one(unhandled()).event_id
    told = {**{id: "pending" for id in sent}, done: "processed"}
    assert log.agrees(client, *sent, done) == told
    assert {row["payload"] is None for row in log.ask("select * from public.events")} == {True}
    client.close()
    assert node.stop() == 0

    # Who turns it on gets what is there already.
    log.node = start_node("--database", postgres.uri())
    log.shown(4)
    rows = log.ask("select * from public.events")
    assert all(row["payload"] for row in rows) and len(rows) == 4
    assert log.statuses() == told
    log.node.apus("handlers", "resume", "lead-analytics")
    eventually(lambda: set(log.statuses().values()) == {"processed"}, "the backlog is handled")


def test_a_tenants_role_sees_its_own_events_whatever_it_tries(hooked):
    log = hooked(410)
    mine, theirs = log.client("acme"), log.client("globex")
    for client in (mine, theirs):
        for one in (lead(), order(), unhandled()):
            client.publish_one(one)
    log.shown(6)
    log.make_reader("acme_reader", "acme")
    log.make_reader("globex_reader", "globex")
    # `system.error` of the failed webhooks comes too.
    own = eventually(
        lambda: [r for r in log.ask("select * from public.events where tenant_id = 'acme'")
                 if r["status"] == "failed"] and log.ask(
                     "select id from public.events where tenant_id = 'acme'"),
        "an event failed")
    own = {row["id"] for row in own}

    def seen(sql, what="public.events"):
        rows = sql.execute(f"select id, tenant_id from {what}").fetchall()
        assert {row[1] for row in rows} == {"acme"} and {row[0] for row in rows} == own

    with log.connect("acme_reader") as sql:
        seen(sql)
        for query in (NEWEST, FAILED, PENDING):
            assert {row[0] for row in sql.execute(query).fetchall()} <= own
        # Settings are believed of Apus alone.
        for setting in ("apus.tenant", "app.tenant", "session_authorization_x.y"):
            sql.execute("select set_config(%s, 'globex', false)", [setting])
        assert sql.execute("select count(*) from public.events where tenant_id = 'globex'"
                           ).fetchone() == (0,)
        sql.execute("reset all")
        sql.execute("select set_config('apus.tenant', 'acme', false)")
        seen(sql)
        sql.execute("reset all")

        # The tables beneath show no more.
        for table in ("apus.events", "apus.event_payloads"):
            owners = sql.execute(
                f"select distinct t.name from {table} e join apus.tenants t on t.id = e.tenant_id"
            ).fetchall()
            assert owners == [("acme",)]
            assert sql.execute(f"select count(distinct tenant_id) from {table}").fetchone() == (1,)
        assert sql.execute("select name from apus.tenants").fetchall() == [("acme",)]
        assert sql.execute(
            "select count(*) from apus.ledger l where not exists"
            " (select from apus.events e where e.position = l.position)").fetchone() == (0,)

        # What a function or a view of its own is shown, which runs before the rules if it can.
        sql.execute("create temp table spied (text text)")
        sql.execute(
            "create function pg_temp.spy(text) returns boolean language plpgsql cost 0.0000001"
            " as $$ begin insert into spied values ($1); return true; end $$")
        for query in (
            "select * from public.events where pg_temp.spy(payload::text || tenant_id)",
            "select * from apus.events where pg_temp.spy(id::text || tenant_id)",
            "select * from apus.event_payloads where pg_temp.spy(id::text || tenant_id)",
            "select * from apus.tenants where pg_temp.spy(name)",
        ):
            sql.execute("delete from spied")
            sql.execute(query)
            count = sql.execute(f"select count(*) from ({query}) q").fetchone()[0]
            assert sql.execute("select count(*) from spied").fetchone()[0] == count * 2
            assert sql.execute(
                "select count(*) from spied where text like '%globex%'").fetchone() == (0,)
        sql.execute("create temp view mine as select * from public.events")
        seen(sql, "mine")
        sql.execute("create temp view older with (security_barrier) as select * from public.events")
        seen(sql, "older")
        # Functions that Apus' view calls, and rights that it has.
        (events,) = sql.execute(
            "select count(*) from apus.unsettled_events(null) u"
            " where not exists (select from apus.events e where e.position = u.position)"
        ).fetchone()
        assert events == 0
        for forbidden in (
            "select * from apus.work", "select * from apus.dead_letters",
            "select name from apus.handlers", "select error_message from apus.ledger",
            "select * from apus.readers", "select * from apus.outbox", "select * from apus.groups",
            "select * from apus.kept_events", "select * from apus.identities",
            "select * from apus.events_from_1", "select * from apus.payloads_from_1",
            "insert into apus.readers values ('acme_reader', 'globex')",
            "update apus.events set tenant_id = 1", "delete from public.events",
            "select apus.allow_reading('acme_reader', 'globex')",
            "select apus.claim_payloads(9)", "set role globex_reader", "set role apus",
            "set session authorization globex_reader", "alter table apus.events disable row level security",
            "create policy p on apus.events using (true)", "set row_security = off; select * from apus.events",
            "create or replace view public.events as select 1",
            "select * from apus.leads", "select * from apus.audit_trail",
        ):
            with pytest.raises(psycopg.Error):
                sql.execute(forbidden)
            sql.execute("reset all")
    # A view of somebody else's shows its reader's rows.
    with log.connect() as sql:
        sql.execute("create view public.shared with (security_invoker) as select * from public.events")
        sql.execute("grant select on public.shared to public")
    with log.connect("globex_reader") as sql:
        assert sql.execute("select distinct tenant_id from public.shared").fetchall() == [
            ("globex",)]


def test_a_role_reads_for_one_tenant_and_as_long_as_it_may(log):
    for tenant in ("acme", "globex"):
        log.client(tenant).publish_one(lead())
        log.make_reader(tenant, tenant)
    with log.connect() as sql:
        sql.execute("create role anna login in role acme")
        sql.execute("create role everybody login in role acme, globex")
        sql.execute("create role stranger login")
    count = "select count(*) from public.events"
    assert log.ask(count, "anna") == [{"count": 1}]
    assert log.ask(count, "everybody") == [{"count": 0}]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        log.ask(count, "stranger")
    with log.connect() as sql:
        sql.execute("select apus.allow_reading('acme', 'globex')")
    assert log.ask("select tenant_id from public.events", "acme") == [{"tenant_id": "globex"}]
    with log.connect() as sql:
        sql.execute("select apus.forbid_reading('acme')")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        log.ask(count, "acme")
    with log.connect() as sql:
        sql.execute("select apus.forbid_reading('globex')")
        sql.execute("drop owned by globex, acme; drop role globex, acme")
        # A name that is used again gives nobody rights that were taken back.
        sql.execute("create role globex login")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        log.ask(count, "globex")
    for wrong in ("", "no such", "*"):
        with log.connect() as sql, pytest.raises(psycopg.errors.InvalidParameterValue):
            sql.execute("select apus.allow_reading('anna', %s)", [wrong])


def test_of_apus_own_role_a_setting_is_believed(log):
    for tenant in ("acme", "globex"):
        log.client(tenant).publish_one(lead())
    log.make_reader("some_reader", "acme")
    with log.connect() as sql:
        def tenants():
            return sorted(sql.execute("select tenant_id from public.events").fetchall())

        assert tenants() == [("acme",), ("globex",)]
        sql.execute("set apus.tenant = 'globex'")
        assert tenants() == [("globex",)]
        # A pool that logs in as Apus, and takes a role which the rules hold for.
        sql.execute("set role some_reader")
        assert tenants() == [("globex",)]
        sql.execute("reset apus.tenant")
        assert tenants() == []
        sql.execute("reset role")
        sql.execute("set apus.tenant = 'nobody'")
        assert tenants() == []


def test_somebody_elses_public_events_is_left_alone(postgres, start_node, new_client):
    with postgres.sql() as sql:
        sql.execute("create table public.events (id integer)")
    log = Log(postgres, start_node("--database", postgres.uri()), new_client)
    log.client().publish_one(lead())
    assert log.ask("select * from public.events") == []
    log.make_reader("acme", "acme")
    (row,) = log.ask("select * from apus.public_events", "acme")
    assert row["tenant_id"] == "acme"


def test_when_its_node_dies_another_goes_on_with_the_payloads(postgres, start_node, new_client):
    nodes = [start_node("--database", postgres.uri(), "--lease-time", "1s") for _ in range(2)]
    log = Log(postgres, nodes[0], new_client)
    log.client().publish_one(lead())
    log.shown(1)
    ((holder,),) = [tuple(row.values()) for row in log.ask(
        "select holder from apus.leases where name = 'payloads'")]
    (holding,) = [n for n in nodes if f"/{n.process.pid}/" in holder]
    holding.kill()
    (log.node,) = [n for n in nodes if n is not holding]
    log.client().publish(*[lead(lead_id=str(n)) for n in range(5)])
    log.shown(6)
    assert all(row["payload"] for row in log.ask("select payload from public.events"))


def test_payloads_go_with_the_events_that_retention_drops(postgres, start_node, new_client):
    node = start_node(
        "--database", postgres.uri(), "--partition-events", "100", "--retention-hard-bytes", "1MiB",
        "--no-audit")
    log = Log(postgres, node, new_client)
    client = log.client()
    large = "x" * 20_000

    def tables(prefix):
        return {row["relname"] for row in log.ask(
            "select relname from pg_class where relkind = 'r' and relname like %s",
            parameters=[prefix + "%"])}

    client.publish(*[unhandled(subject=str(n), metadata={"user_agent": "u"}) for n in range(100)])
    log.shown(100)
    assert "payloads_from_1" in tables("payloads_from_")
    for start in range(0, 400, 40):
        client.publish(*[
            event(payload("integration.api_call", api_name=large), subject=str(n))
            for n in range(start, start + 40)])
    eventually(lambda: "events_from_1" not in tables("events_from_"), "events are dropped")
    eventually(lambda: "payloads_from_1" not in tables("payloads_from_"), "payloads are dropped")
    # Nothing is shown of what was dropped, whether its table is gone or not.
    assert log.ask(
        "select count(*) as old from public.events v join apus.identities i on i.id = v.id"
        " where i.position < (select min(first_position) from apus.event_partitions)"
    ) == [{"old": 0}]
    last = client.publish_one(unhandled()).event_id
    # A query that was planned before its table was attached may miss it.
    eventually(lambda: last in log.statuses(), "what came last is shown")
    assert run_apus("verify", "--database", postgres.uri()).stdout.endswith("; all is well\n")


def rows_read(plan):
    """Rows that a plan's scans of events and payloads looked at."""
    own = 0
    if plan.get("Relation Name", "").startswith(("events_from", "payloads_from")):
        own = plan["Actual Loops"] * (
            plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0))
    return own + sum(rows_read(child) for child in plan.get("Plans", []))


def test_the_queries_look_at_what_they_show_and_no_more(log):
    client = log.client()
    client.publish(*[unhandled(subject=str(n)) for n in range(1000)])
    for _ in range(3):
        client.publish(*[lead(lead_id=str(n)) for n in range(1000)])
    eventually(lambda: set(log.statuses().values()) == {"processed"}, "all is handled")
    log.shown(4000)
    log.node.apus("handlers", "pause", "lead-analytics")
    client.publish(*[lead() for n in range(5)])
    log.shown(4005)
    log.make_reader("acme", "acme")
    with log.connect() as sql:
        sql.execute("analyze")
    for role in ("apus", "acme"):
        with log.connect(role) as sql:
            for query, most in ((PENDING, 20), (FAILED, 0), (NEWEST, 200)):
                ((plan,),) = sql.execute(
                    "explain (analyze, format json) " + query).fetchall()
                assert rows_read(plan[0]["Plan"]) <= most, (role, query)
