"""Transactions that never end and nodes that stand still: where positions are guessed from what
commits, such things make readers skip events or publishers wait."""

import json
import os
import random
import signal
import time

import pytest

from crowd import Publishers, Thread, assert_kept
from postgres import Postgres

ABORTED = 300
PAUSES = 6


@pytest.fixture
def database():
    """Asked for before `start_node`, so that nodes stop while it is there."""
    made = Postgres()
    yield made
    made.close()


class Unaffected(Publishers):
    """Every one of their calls is answered in time."""

    PASSING = ()
    DEADLINE = 5


def publish(sql, tenant, subject):
    return str(sql.execute(
        "select apus.publish('lead.created', %s, %s, tenant => %s)",
        [json.dumps({"leadId": subject}), subject, tenant],
    ).fetchone()[0])


def test_what_stands_still_holds_up_nobody_and_hides_nothing(
    database, start_node, new_client, tenant
):
    nodes = [
        start_node("--database", database.uri(), "--lease-time", "2s") for _ in range(3)
    ]
    follower = new_client(nodes[0], tenant).subscribe(beginning=True, timeout=300)

    def aborts():
        with database.sql() as sql:
            for number in range(ABORTED):
                with sql.transaction(force_rollback=True):
                    publish(sql, tenant, f"aborted/{number}")

    with database.sql() as stalled, database.sql() as idle:
        stalled.execute("begin")
        late = publish(stalled, tenant, "late")
        idle.execute("begin isolation level repeatable read")
        idle.execute("select count(*) from apus.events")
        with (
            Unaffected(nodes[0], tenant) as unaffected,
            Publishers(nodes[1], tenant) as one,
            Publishers(nodes[2], tenant) as other,
        ):
            aborting = Thread(aborts)
            aborting.start()
            for pause in range(PAUSES):
                # Not a wait for anything: the pause must fall at any moment of a commit.
                time.sleep(random.uniform(0, 0.02))
                paused = nodes[1 + pause % 2].process.pid
                os.kill(paused, signal.SIGSTOP)
                try:
                    unaffected.wait_for_more(100)
                finally:
                    os.kill(paused, signal.SIGCONT)
                (one, other)[pause % 2].wait_for_more(20)
            aborting.finish(60)
            acknowledged = {**unaffected.finish(), **one.finish(), **other.finish()}
        stalled.execute("commit")
        seen = []
        while not seen or seen[-1].event.id != late:
            seen.append(follower.next("delivery"))
        idle.execute("rollback")
    kept = assert_kept(new_client(nodes[0], tenant), acknowledged)
    assert [d.event.id for d in seen] == [e.id for e in kept], "nothing is skipped or repeated"
    assert not any(e.subject.startswith("aborted/") for e in kept)
    assert [e.id for e in kept if e.subject == "late"] == [late]
