"""A node that is told to stop while clients are busy with it."""

import queue
import signal
import socket
import subprocess
import threading

import grpc
import pytest

from apus.v1 import event_service_pb2_grpc, publish_pb2
from clients import PATIENCE, eventually, new_id
from events import note
from nodes import BINARY


def publish_until(stopping, node, errors, acknowledged):
    """Publishes one event after another on a channel of its own, waiting for the node."""
    with node.channel() as channel:
        stub = event_service_pb2_grpc.EventServiceStub(channel)
        while not stopping.is_set():
            sent = note(id=new_id())
            try:
                stub.Publish(
                    publish_pb2.PublishRequest(events=[sent]), timeout=PATIENCE * 2,
                    metadata=(("x-tenant-id", "drain"),), wait_for_ready=True,
                )
                acknowledged.append(sent.id)
            except grpc.RpcError as error:
                errors.append(error)


def test_a_restart_costs_busy_clients_no_error_and_no_event(start_node, new_client):
    node = start_node()
    node.listen = node.address
    stopping, errors, acknowledged = threading.Event(), [], []
    threads = [
        threading.Thread(target=publish_until, args=(stopping, node, errors, acknowledged))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    try:
        for _ in range(2):
            before = len(acknowledged)
            while len(acknowledged) < before + 50:
                assert not errors, errors
                threads[0].join(0.01)
            assert node.stop() == 0
            node.start()
    finally:
        stopping.set()
        for thread in threads:
            thread.join(PATIENCE * 2)
    assert not errors, errors
    stored = {delivery.event.id for delivery in new_client(node, "drain").history()}
    assert stored >= set(acknowledged)


def test_a_stream_ends_with_unavailable_after_its_last_event(start_node, new_client):
    node = start_node()
    client = new_client(node, "drain")
    reading = client.live()
    sent = [client.publish_one(note()).event_id for _ in range(20)]
    node.process.send_signal(signal.SIGTERM)
    with pytest.raises(grpc.RpcError) as ended:
        seen = []
        for kind, item in reading:
            if kind == "delivery":
                seen.append(item.event.id)
    assert ended.value.code() == grpc.StatusCode.UNAVAILABLE
    assert seen == sent
    assert node.process.wait(PATIENCE) == 0


def test_a_call_under_way_is_answered_within_the_grace(start_node, new_client):
    node = start_node()
    client = new_client(node, "drain")
    requests = queue.SimpleQueue()
    answers = client.publish_stream(iter(requests.get, None))
    requests.put(publish_pb2.PublishRequest(events=[note()]))
    first = next(answers)
    node.process.send_signal(signal.SIGTERM)
    # What is to stop takes no new connections.
    eventually(lambda: not takes_connections(node), "the node stops")
    requests.put(publish_pb2.PublishRequest(events=[note()]))
    second = next(answers)
    assert second.results[0].position > first.results[0].position
    requests.put(None)
    assert list(answers) == []
    assert node.process.wait(PATIENCE) == 0


def test_a_second_signal_ends_it_at_once(start_node, new_client):
    node = start_node("--drain-timeout", "10m")
    requests = queue.SimpleQueue()
    answers = new_client(node, "drain").publish_stream(iter(requests.get, None), timeout=600)
    requests.put(publish_pb2.PublishRequest(events=[note()]))
    next(answers)
    node.process.send_signal(signal.SIGTERM)

    def ended():
        node.process.send_signal(signal.SIGTERM)
        return node.process.poll() is not None

    eventually(ended, "the node ends")
    assert node.process.wait(PATIENCE) == 1
    with pytest.raises(grpc.RpcError) as lost:
        next(answers)
    assert lost.value.code() == grpc.StatusCode.UNAVAILABLE
    requests.put(None)


def test_a_signal_ends_a_node_that_is_still_starting(start_node):
    first = start_node()
    with first.sql() as sql:
        # As a node that migrates holds it.
        sql.execute("begin; lock table apus.migrations in share row exclusive mode")
        starting = subprocess.Popen(
            [str(BINARY), "serve", "--listen", "127.0.0.1:0", "--database", first.database],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            waits = ("select true from pg_locks "
                     "where relation = 'apus.migrations'::regclass and not granted")
            eventually(lambda: sql.execute(waits).fetchone(), "it waits for the lock")
            starting.send_signal(signal.SIGTERM)
            out, log = starting.communicate(timeout=PATIENCE)
        finally:
            starting.kill()
            starting.wait()
    assert out == ""
    assert "before it served" in log
    assert starting.returncode == 0


def takes_connections(node):
    host, port = node.address.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=PATIENCE).close()
        return True
    except ConnectionError:
        return False
