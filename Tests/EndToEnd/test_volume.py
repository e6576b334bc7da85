"""A hundred thousand events: one stream, many clients, many nodes."""

import signal
import threading

import psycopg
import pytest

from apus.v1 import publish_pb2
from clients import Client
from crowd import together
from events import note

TOTAL = 100_000
PUBLISHERS = 16
TENANTS = 4
EVERYBODY = {"tenants": ["*"]}


def test_100_000_events_over_one_stream_are_read_back_in_order(client):
    template = note()

    def requests():
        for start in range(0, TOTAL, 250):
            request = publish_pb2.PublishRequest()
            for n in range(start, start + 250):
                template.subject = str(n)
                request.events.append(template)
            yield request

    positions = [
        r.position for a in client.publish_stream(requests(), timeout=120) for r in a.results
    ]
    assert len(positions) == TOTAL
    assert positions == list(range(positions[0], positions[0] + TOTAL))
    deliveries = client.history(timeout=120)
    assert [d.event.position for d in deliveries] == positions
    assert [d.event.subject for d in deliveries] == [str(n) for n in range(TOTAL)]


@pytest.fixture
def crowd():
    """Sixteen publishers and four followers, spread over the nodes."""

    def run(nodes):
        ready = threading.Barrier(PUBLISHERS + 4, timeout=60)

        def publish(n):
            with Client(nodes[n % len(nodes)], f"tenant-{n % TENANTS}") as client:
                template = note()
                ready.wait()
                each = TOTAL // PUBLISHERS
                for start in range(0, each, 50):
                    request = publish_pb2.PublishRequest()
                    for number in range(start, start + 50):
                        template.subject = f"{n}/{number}"
                        request.events.append(template)
                    answer = client.call("Publish", request, timeout=120)
                    assert len(answer.results) == 50

        def follow(n):
            with Client(nodes[n % len(nodes)], "tenant-0") as client:
                live = n >= 2
                start = {"end": True} if live else {"beginning": True}
                reading = client.subscribe(filter=EVERYBODY, timeout=180, **start)
                if live:
                    reading.caught_up()
                ready.wait()
                subjects, position = [], 0
                while len(subjects) < TOTAL:
                    event = reading.next("delivery").event
                    position += 1
                    assert event.position == position, f"follower {n}: a gap or a repeat"
                    subjects.append(event.subject)
                reading.cancel()
                return subjects

        works = [lambda n=n: follow(n) for n in range(4)]
        works += [lambda n=n: publish(n) for n in range(PUBLISHERS)]
        seen = together(works, patience=200)[:4]
        assert all(s == seen[0] for s in seen)
        # Each publisher's events, in the order in which it sent them.
        numbers = {str(n): [] for n in range(PUBLISHERS)}
        for subject in seen[0]:
            publisher, _, number = subject.partition("/")
            numbers[publisher].append(int(number))
        each = TOTAL // PUBLISHERS
        assert all(found == list(range(each)) for found in numbers.values())

    return run


def test_16_publishers_and_4_followers_agree_on_dense_positions(start_node, crowd):
    crowd([start_node("--insecure-all-tenants")])


def test_two_nodes_on_one_database_agree_too_beside_an_open_transaction(start_node, crowd):
    first = start_node("--insecure-all-tenants")
    second = start_node("--insecure-all-tenants", "--database", first.database)
    with psycopg.connect(first.database) as unrelated:
        unrelated.execute("create temporary table held (n int)")
        unrelated.execute("insert into held values (1)")
        assert unrelated.execute("select txid_current_if_assigned()").fetchone()[0]
        crowd([first, second])
        assert unrelated.execute("select n from held").fetchone() == (1,)


def test_a_paused_node_stops_nobody(start_node, new_client):
    first = start_node()
    second = start_node("--database", first.database)
    one, two = new_client(first, "acme"), new_client(second, "acme")
    for _ in range(3):
        requests = (publish_pb2.PublishRequest(events=[note()] * 100) for _ in range(50))
        answers = two.publish_stream(requests)
        next(answers)
        second.process.send_signal(signal.SIGSTOP)
        try:
            for _ in range(20):
                assert one.publish_one(note(), timeout=10).position
            assert one.history()
        finally:
            second.process.send_signal(signal.SIGCONT)
        assert len(list(answers)) == 49
    positions = [d.event.position for d in one.history()]
    assert positions == list(range(1, 3 * (5000 + 20) + 1))
