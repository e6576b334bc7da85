"""examples/embedded: a Swift service with Apus inside, beside a node that serves clients."""

import select
import signal
import subprocess

import pytest
from apus.v1 import lookup_pb2

from clients import PATIENCE, Client, eventually
from events import lead
from stubs import TOP

# `.ci/check` builds it.
LEAD_DESK = TOP / ".build" / "debug" / "lead-desk"
SUCCEEDED = lookup_pb2.DELIVERY_OUTCOME_SUCCEEDED


class LeadDesk:
    def __init__(self, node):
        self.process = subprocess.Popen(
            [LEAD_DESK, node.database], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def line(self):
        readable, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        assert readable, "lead-desk says nothing"
        return self.process.stdout.readline().strip()

    def says(self, *words):
        """The next line that holds all of these."""
        while True:
            line = self.line()
            assert line or self.process.poll() is None, self.process.stderr.read()
            if all(word in line for word in words):
                return line

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        told, _ = self.process.communicate(timeout=PATIENCE)
        return told.splitlines()


@pytest.fixture
def desk(start_node):
    node = start_node()
    desk = LeadDesk(node)
    desk.says("lead-desk runs")
    with Client(node, "acme") as client:
        yield desk, client
    desk.process.kill()
    desk.process.wait()
    desk.process.stdout.close()
    desk.process.stderr.close()


def runs(client, id):
    return [d for d in client.get(id).deliveries if d.consumer == "handler/lead-desk"]


def test_a_services_own_handler_gets_what_clients_publish(desk):
    desk, client = desk
    first = client.publish_one(lead("1", "web"))
    line = desk.says("lead 1 of acme from web")
    assert line.endswith(f"handler/lead-desk/{first.position}, attempt 1")
    client.processed(first.event_id)
    assert [d.outcome for d in runs(client, first.event_id)] == [SUCCEEDED]
    # The node, which has no such handler, plans a replay, and the service runs it.
    replay = client.replay_done(
        client.replay([first.event_id], handlers=["lead-desk"]).replay_id)
    assert [(t.handler, t.done) for t in replay.targets] == [("lead-desk", 1)]
    assert desk.says("lead 1 of acme") == line


def test_its_failures_are_dead_letters_like_any(desk):
    desk, client = desk
    id = client.publish_one(lead("2", "nowhere")).event_id
    eventually(lambda: client.get(id).status == lookup_pb2.EVENT_STATUS_FAILED, "it fails")
    (attempt,) = runs(client, id)
    assert attempt.outcome == lookup_pb2.DELIVERY_OUTCOME_DEAD_LETTERED
    # Who publishes learns a class, the operator the text.
    assert "HANDLER_FAILED" in attempt.error_message and "nowhere" not in attempt.error_message


def test_what_came_while_it_was_away_waits_for_it(desk, start_node):
    desk, client = desk
    assert desk.stop()[-1] == "lead-desk has ended" and desk.process.returncode == 0
    id = client.publish_one(lead("3", "web")).event_id
    assert client.get(id).status != lookup_pb2.EVENT_STATUS_PROCESSED
    again = subprocess.Popen(
        desk.process.args, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        client.processed(id)
        assert [d.outcome for d in runs(client, id)] == [SUCCEEDED]
    finally:
        again.terminate()
        told, _ = again.communicate(timeout=PATIENCE)
    assert "lead 3 of acme from web" in told
