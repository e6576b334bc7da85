"""A node that is told to stop while clients are busy with it."""

import signal
import threading

import grpc
import pytest

from apus.v1 import event_service_pb2_grpc, publish_pb2
from clients import PATIENCE, new_id
from events import note


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
