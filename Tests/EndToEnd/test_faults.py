"""Crashes in the middle of publishing: what was acknowledged stays, once, and nothing has a gap.

APUS_TORTURE_ROUNDS says how many crashes of each kind; APUS_TORTURE_SEED repeats a run.
"""

import os
import random
import signal
import time

import pytest

from clients import eventually
from crowd import Publishers, assert_kept
from events import note
from nodes import wait_for_end

ROUNDS = int(os.environ.get("APUS_TORTURE_ROUNDS", "3"))


@pytest.fixture
def chance():
    seed = int(os.environ.get("APUS_TORTURE_SEED", random.randrange(1 << 32)))
    print(f"APUS_TORTURE_SEED={seed}")
    return random.Random(seed)


@pytest.fixture
def torture(start_node, new_client, chance):
    """Crashes a node again and again while clients publish; then checks what is left."""

    def run(crash):
        node = start_node()
        with Publishers(node, "acme") as publishers:
            for _ in range(ROUNDS):
                publishers.wait_for_more(chance.randrange(20, 400))
                postmaster = node.postmaster
                # Not a wait for anything: the crash must fall at any moment of a commit.
                time.sleep(chance.uniform(0, 0.02))
                crash(node)
                # Busy backends may outlive their postmaster for some commits.
                eventually(
                    lambda: node.postmaster not in (None, postmaster), "Postgres is replaced"
                )
                publishers.wait_for_more(50)
                assert node.process.poll() is None, "only what was killed has ended"
            acknowledged = publishers.finish()
        events = assert_kept(new_client(node, "acme"), acknowledged)
        assert len(events) == len(acknowledged), "every event was tried until acknowledged"

    return run


def test_what_was_acknowledged_survives_kill_9_of_the_server(torture):
    def crash(node):
        node.kill()
        node.start()

    torture(crash)


def test_what_was_acknowledged_survives_kill_9_of_postgres(torture):
    torture(lambda node: os.kill(node.postmaster, signal.SIGKILL))


def test_what_was_acknowledged_survives_both_dying_at_once(torture):
    def crash(node):
        postmaster = node.postmaster
        node.process.send_signal(signal.SIGKILL)
        os.kill(postmaster, signal.SIGKILL)
        node.process.wait(30)
        node.process.stdout.close()
        node.start()

    torture(crash)


def test_a_backend_that_dies_is_replaced(start_node, new_client):
    node = start_node()
    with Publishers(node, "acme") as publishers:
        for _ in range(ROUNDS):
            publishers.wait_for_more(50)
            with node.sql() as sql:
                sql.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where backend_type = 'client backend' and pid <> pg_backend_pid()"
                )
            publishers.wait_for_more(50)
        acknowledged = publishers.finish()
    assert node.process.poll() is None
    assert_kept(new_client(node, "acme"), acknowledged)


def test_a_subscriber_resumes_after_a_crash_without_gap_or_repeat(start_node, new_client):
    node = start_node()
    client = new_client(node, "acme")
    sent = [r.event_id for r in client.publish(*[note() for _ in range(10)])]
    reading = client.subscribe(beginning=True)
    cursor = reading.take(4)[-1].cursor
    node.kill()
    node.start()
    client = new_client(node, "acme")
    sent += [client.publish_one(note()).event_id]
    assert [d.event.id for d in client.history(cursor=cursor)] == sent[4:]


def test_kill_9_of_the_server_leaves_no_postgres_behind(start_node, new_client):
    node = start_node()
    new_client(node, "acme").publish(note())
    postmaster = node.postmaster
    node.kill()
    wait_for_end(postmaster)
