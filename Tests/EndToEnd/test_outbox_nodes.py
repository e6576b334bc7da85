"""The outbox while nodes come, go and stop, and while transactions stay open."""

import json
import os
import signal
import threading

import pytest

from clients import Client, eventually
from nodes import Node
from postgres import Postgres


@pytest.fixture(scope="module")
def database():
    made = Postgres()
    yield made
    made.close()


@pytest.fixture
def sql(database):
    with database.sql() as connection:
        yield connection


@pytest.fixture
def start(database, start_node):
    return lambda *arguments: start_node("--database", database.uri(), *arguments)


def publish(sql, tenant, subject):
    return str(sql.execute(
        "select apus.publish('lead.created', %s, %s, tenant => %s)",
        [json.dumps({"leadId": subject}), subject, tenant],
    ).fetchone()[0])


def drained(sql):
    eventually(
        lambda: not sql.execute("select exists (select from apus.outbox)").fetchone()[0],
        "the outbox is empty", patience=60,
    )


def drainer(sql):
    """Process id of the node that drains; None while nobody does."""
    row = sql.execute(
        "select holder from apus.leases where name = 'outbox' and expires_at > clock_timestamp()"
    ).fetchone()
    return int(row[0].split("/")[1]) if row else None


class Callers:
    """Sessions that publish, commit and roll back until they are told to stop."""

    def __init__(self, database, tenant, count=3):
        self.committed = {name: [] for name in range(count)}
        self.failures = []
        self.stopping = threading.Event()
        self.threads = [
            threading.Thread(target=self.run, args=[database, tenant, name])
            for name in self.committed
        ]
        for thread in self.threads:
            thread.start()

    def run(self, database, tenant, name):
        try:
            with database.sql() as sql:
                number = 0
                while not self.stopping.is_set():
                    ids = []
                    with sql.transaction(force_rollback=number % 7 == 6):
                        for part in range(2):
                            ids.append(publish(sql, tenant, f"{name}/{number}/{part}"))
                    if number % 7 != 6:
                        self.committed[name] += ids
                    number += 1
        except BaseException as error:  # noqa: BLE001  (told to the test)
            self.failures.append(error)

    def reach(self, count):
        eventually(
            lambda: sum(map(len, self.committed.values())) >= count or self.failures,
            f"{count} events were published",
        )

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)
        assert not self.failures, self.failures
        return self.committed


def published_once(client, sql, committed):
    """Each committed event is in the log once, in its session's order, and nothing else is."""
    wanted = sum(map(len, committed.values()))
    drained(sql)
    found = [d.event for d in client.history()]
    assert len(found) == wanted
    for name, ids in committed.items():
        assert [e.id for e in found if e.subject.startswith(f"{name}/")] == ids


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP])
def test_another_node_goes_on_where_the_drainer_ended(start, database, sql, tenant, number):
    nodes = [start(), start()]
    first = eventually(lambda: drainer(sql), "a node drains")
    other = next(node for node in nodes if node.process.pid != first)
    callers = Callers(database, tenant)
    callers.reach(100)
    os.kill(first, number)
    eventually(lambda: drainer(sql) not in (None, first), "the other node drains")
    before = sum(map(len, callers.committed.values()))
    callers.reach(before + 100)
    # It wakes up in the middle of things that are no longer its own.
    if number == signal.SIGSTOP:
        os.kill(first, signal.SIGCONT)
        callers.reach(before + 200)
    committed = callers.stop()
    with Client(other, tenant) as client:
        published_once(client, sql, committed)


def test_a_drainer_killed_again_and_again_moves_each_event_once(start, database, sql, tenant):
    survivor = start()
    callers = Callers(database, tenant)
    for round in range(1, 4):
        victim = start()
        # The next drainer is whoever is quicker.
        sql.execute(
            "update apus.leases set expires_at = '-infinity', holder = 'nobody',"
            " fence = fence + 1 where name = 'outbox'"
        )
        callers.reach(200 * round)
        victim.kill()
    committed = callers.stop()
    with Client(survivor, tenant) as client:
        published_once(client, sql, committed)


def test_an_idle_transaction_holds_nothing_up(start, database, sql, tenant):
    """What was drained stays in the table then, and is never looked at again."""
    node = start()
    with Client(node, tenant) as client, database.sql() as idle:
        with idle.transaction():
            publish(idle, tenant, "idle")
            for _ in range(4):
                sql.execute(
                    "select count(apus.publish('lead.created', '{}', g::text, tenant => %s))"
                    " from generate_series(1, 5000) g", [tenant],
                )
            drained(sql)
            size = sql.execute("select pg_relation_size('apus.outbox')").fetchone()[0]
            assert size > 2_000_000
            live = client.live()
            publish(sql, tenant, "after")
            assert live.take(1)[0].event.subject == "after"
        assert live.take(1)[0].event.subject == "idle"


def test_what_waits_while_no_node_runs_is_published_when_one_does(database, sql, tenant):
    first = Node("--database", database.uri())
    assert first.stop() == 0
    first.close()
    ids = [publish(sql, tenant, str(number)) for number in range(3000)]
    second = Node("--database", database.uri())
    try:
        with Client(second, tenant) as client:
            eventually(lambda: len(client.history()) == 3000, "all are in the log")
            assert [d.event.id for d in client.history()] == ids
    finally:
        second.close()


@pytest.fixture
def new_database():
    """Asked for before `start_node`, so that nodes stop while it is there."""
    made = Postgres()
    yield made
    made.close()


def test_a_crash_of_postgres_loses_and_repeats_none(new_database, tenant, start_node):
    node = start_node("--database", new_database.uri())
    with new_database.sql() as sql:
        eventually(lambda: drainer(sql), "the node drains")
        sql.execute(
            "select count(apus.publish('lead.created', '{}', g::text, tenant => %s))"
            " from generate_series(1, 10000) g", [tenant],
        )
        eventually(
            lambda: sql.execute("select max(last_position) from apus.appends").fetchone()[0],
            "some are in the log",
        )
    new_database.crash()
    new_database.start()
    with new_database.sql() as sql, Client(node, tenant) as client:
        drained(sql)
        subjects = [d.event.subject for d in client.history()]
        assert subjects == [str(number) for number in range(1, 10_001)]


def test_a_restored_outbox_is_drained_and_hides_nothing(
    database, new_database, tenant, start_node
):
    """The rows of a dump bear numbers of transactions that the new server has yet to come to."""
    first = Node("--database", database.uri())
    assert first.stop() == 0
    first.close()
    with database.sql() as sql:
        sql.execute(
            "do $$ begin for i in 1..2000 loop perform pg_current_xact_id(); commit; end loop;"
            " end $$"
        )
        ids = [publish(sql, tenant, str(number)) for number in range(2)]
        (ahead,) = sql.execute("select max(transaction_id) from apus.outbox").fetchone()
    new_database.restore(database)
    with database.sql() as sql:
        sql.execute("delete from apus.outbox")
    node = start_node("--database", new_database.uri())
    with new_database.sql() as sql, Client(node, tenant) as client:
        drained(sql)
        for number in range(2, 5):
            ids.append(publish(sql, tenant, str(number)))
            drained(sql)
        (now,) = sql.execute("select pg_current_xact_id()::text::bigint").fetchone()
        assert now < ahead
        assert [d.event.id for d in client.history()] == ids
