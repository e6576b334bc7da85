"""examples/embedded: a Swift service with Apus inside, beside a node that serves clients."""

import queue
import signal
import subprocess
import threading

import pytest
from apus.v1 import lookup_pb2

from clients import PATIENCE, Client, eventually
from events import lead
from nodes import Node
from stubs import TOP

# `.ci/check` builds it.
LEAD_DESK = TOP / ".build" / "embedded" / "debug" / "lead-desk"
SUCCEEDED = lookup_pb2.DELIVERY_OUTCOME_SUCCEEDED


class LeadDesk:
    """The service; a thread reads what it prints, which comes in bursts."""

    def __init__(self, node):
        self.process = subprocess.Popen(
            [LEAD_DESK, node.database], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines = queue.Queue()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.strip())

    def says(self, words):
        """The next line that holds them."""
        skipped = []
        while True:
            try:
                line = self.lines.get(timeout=PATIENCE)
            except queue.Empty:
                raise AssertionError(f"no {words!r} in {skipped}") from None
            if words in line:
                return line
            skipped.append(line)

    def stop(self):
        """The last line that it says."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE) == 0, list(self.lines.queue)
        self.reader.join(PATIENCE)
        self.process.stdout.close()
        return list(self.lines.queue)[-1]


@pytest.fixture(scope="module")
def serving():
    node = Node()
    yield node
    node.close()


@pytest.fixture
def start_desk(serving):
    """Starts the service on the node's database, and ends it."""
    made = []

    def start():
        made.append(LeadDesk(serving))
        made[-1].says("lead-desk runs")
        return made[-1]

    yield start
    for desk in made:
        if desk.process.poll() is None:
            desk.stop()


@pytest.fixture
def acme(serving):
    with Client(serving, "acme") as client:
        yield client


def runs(client, id):
    return [d for d in client.get(id).deliveries if d.consumer == "handler/lead-desk"]


def test_a_services_own_handler_gets_what_clients_publish(start_desk, acme):
    desk = start_desk()
    first = acme.publish_one(lead("1", "web"))
    line = desk.says("lead 1 of acme from web")
    assert line.endswith(f"handler/lead-desk/{first.position}/{first.event_id}, attempt 1")
    acme.processed(first.event_id)
    assert [d.outcome for d in runs(acme, first.event_id)] == [SUCCEEDED]
    # The node, which has no such handler, plans a replay, and the service runs it.
    replay = acme.replay_done(acme.replay([first.event_id], handlers=["lead-desk"]).replay_id)
    assert [(t.handler, t.done) for t in replay.targets] == [("lead-desk", 1)]
    assert desk.says("lead 1 of acme") == line


def test_its_failures_are_dead_letters_like_any(start_desk, acme):
    start_desk()
    id = acme.publish_one(lead("2", "nowhere")).event_id
    eventually(lambda: acme.get(id).status == lookup_pb2.EVENT_STATUS_FAILED, "it fails")
    (attempt,) = runs(acme, id)
    assert attempt.outcome == lookup_pb2.DELIVERY_OUTCOME_DEAD_LETTERED
    # Who publishes learns a class, the operator the text.
    assert "HANDLER_FAILED" in attempt.error_message and "nowhere" not in attempt.error_message


def test_what_came_while_it_was_away_waits_for_it(start_desk, acme):
    assert start_desk().stop() == "lead-desk has ended"
    id = acme.publish_one(lead("3", "web")).event_id
    assert acme.get(id).status != lookup_pb2.EVENT_STATUS_PROCESSED
    again = start_desk()
    acme.processed(id)
    assert [d.outcome for d in runs(acme, id)] == [SUCCEEDED]
    assert again.stop() == "lead-desk has ended"
