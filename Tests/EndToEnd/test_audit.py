"""The audit trail: a chain that anybody can follow, and that shows what was changed."""

import hashlib
import os
import pathlib
import struct

import pytest

from apus.events.system.v1 import system_events_pb2
from clients import Client, eventually
from events import lead, note
from nodes import run_apus
from postgres import Postgres


def chained(rows):
    """The chain as its documentation describes it: position and hash of each row."""
    previous = bytes(32)
    for position, checksum in rows:
        link = previous + struct.pack(">hqq", 1, position, checksum)
        previous = hashlib.sha256(link).digest()
        yield position, previous


def trail(sql):
    return [(p, bytes(h)) for p, h in
            sql.execute("select position, hash from apus.audit_trail order by 1").fetchall()]


def audited(node, count):
    with node.sql() as sql:
        eventually(
            lambda: sql.execute("select count(*) from apus.audit_trail").fetchone()[0] >= count,
            f"{count} events are audited")


@pytest.fixture
def postgres():
    made = Postgres()
    yield made
    made.close()


@pytest.fixture
def log(start_node):
    node = start_node("--audit-interval", "1s")
    with Client(node, "acme") as client:
        client.publish(*[note(str(n)) for n in range(20)])
        client.processed(client.publish_one(lead()).event_id)
    return node


def test_the_trail_is_a_chain_of_all_events_and_its_end_is_published(log):
    with Client(log, "apus") as own:
        published = eventually(lambda: own.history(), "the end is published")[0].event
        audited(log, published.position)
        with log.sql() as sql:
            events = sql.execute(
                "select position, checksum from apus.events order by 1").fetchall()
            kept = trail(sql)
        chain = dict(chained(events))
        assert all(chain[position] == hash for position, hash in kept)
        assert [position for position, _ in kept] == list(range(1, len(kept) + 1))
        told = system_events_pb2.AuditHead()
        assert published.data.Unpack(told) and published.type == "system.audit_head"
        assert (told.hash, told.rows) == (chain[told.position], told.position)

        # Nothing new came but the publication itself: it is not published again.
        client = Client(log, "acme")
        before = len(own.history())
        client.publish_one(note("more"))
        eventually(lambda: len(own.history()) > before, "a new end is published")
        assert len({system_head(e).position for e in own.history()}) == len(own.history())
        client.close()
    assert run_apus("verify", "--database", log.database).stdout.endswith("; all is well\n")


def system_head(delivery):
    told = system_events_pb2.AuditHead()
    assert delivery.event.data.Unpack(told)
    return told


def test_a_trail_that_was_written_anew_is_not_what_was_published(log):
    with Client(log, "apus") as own:
        eventually(lambda: own.history(), "the end is published")
    with log.sql() as sql:
        # All of it: the event, its checksum and every hash after it.
        sql.execute("alter table apus.audit_trail disable trigger all")
        sql.execute("update apus.events set checksum = checksum + 1 where position = 3")
        last = bytes(32)
        for position, checksum in sql.execute(
            "select e.position, e.checksum from apus.events e join apus.audit_trail using (position)"
            " order by 1"
        ).fetchall():
            last = hashlib.sha256(last + struct.pack(">hqq", 1, position, checksum)).digest()
            sql.execute(
                "update apus.audit_trail set checksum = %s, hash = %s where position = %s",
                [checksum, last, position])
    told = run_apus("verify", "--database", log.database, check=False)
    assert told.returncode == 1
    assert "it says that the audit trail has another hash at" in told.stdout


def test_when_its_node_dies_another_goes_on_with_the_trail(postgres, start_node):
    nodes = [start_node("--database", postgres.uri(), "--lease-time", "1s") for _ in range(2)]

    def publish_five(node, count):
        with Client(node, "acme") as client:
            client.publish(*[note(str(n)) for n in range(5)])
        audited(postgres, count)

    publish_five(nodes[0], 5)
    with postgres.sql() as sql:
        (holder,) = sql.execute("select holder from apus.leases where name = 'audit'").fetchone()
        before = trail(sql)
    (holding,) = [n for n in nodes if f"/{n.process.pid}/" in holder]
    holding.kill()
    nodes.remove(holding)
    publish_five(nodes[0], 10)
    with postgres.sql() as sql:
        assert trail(sql)[:5] == before
    assert run_apus("verify", "--database", postgres.uri()).stdout.endswith("; all is well\n")


def test_without_audit_there_is_no_trail(start_node):
    node = start_node("--no-audit")
    with Client(node, "acme") as client:
        client.processed(client.publish_one(lead()).event_id)
    with node.sql() as sql:
        assert sql.execute("select count(*) from apus.audit_head").fetchone() == (0,)
    assert run_apus("verify", "--database", node.database).stdout.endswith("; all is well\n")


def priority(pid):
    """The nice value, and that of the group that the system weighs first, where it has such."""
    group = pathlib.Path(f"/proc/{pid}/autogroup")
    return (os.getpriority(os.PRIO_PROCESS, pid),
            int(group.read_text().split()[-1]) if group.exists() else None)


def test_what_follows_the_log_gives_way_to_who_waits_for_an_answer(log):
    audited(log, 20)
    sessions = "select pid from pg_stat_activity where application_name = %s"
    with log.sql() as sql:
        (usual,) = sql.execute(sessions, ["apus log"]).fetchone()
        nice, group = priority(usual)
        lower = (min(nice + 10, 19), None if group is None else 10)
        eventually(
            lambda: {priority(pid) for (pid,) in sql.execute(sessions, ["apus followers"])}
            == {lower},
            "every session that follows gives way")


def test_a_database_of_the_operators_is_left_as_it_is(postgres, start_node):
    start_node("--database", postgres.uri())
    with postgres.sql() as sql:
        sessions = "select pid from pg_stat_activity where application_name = 'apus followers'"
        (pid,) = eventually(lambda: sql.execute(sessions).fetchone(), "the log is followed")
    nice, group = priority(pid)
    assert nice == os.getpriority(os.PRIO_PROCESS, 0) and group in (0, None)
