"""What becomes of events whose calls fail: every code in every call."""

import subprocess

import pytest
from apus.v1 import dead_letter_pb2, handler_pb2, handler_service_pb2_grpc, lookup_pb2
from prometheus_client.parser import text_string_to_metric_families

from clients import Client, eventually, new_id
from events import lead
from neighbours import (
    ENGINE, HUB, PERMANENT, RETRIED, Neighbour, answer_to, ended, failed, received,
)
from nodes import Node

FAILED = lookup_pb2.DELIVERY_OUTCOME_FAILED
SUCCEEDED = lookup_pb2.DELIVERY_OUTCOME_SUCCEEDED
ATTEMPTS = 3

# Call → the service that gets it, the handler that makes it, the event that leads to it.
CALLS = {
    "ProcessMessage": ("engine", ENGINE, received),
    "ResetConversation": ("engine", ENGINE, lambda: ended(new_id())),
    "RecordAuditEvents": ("hub", HUB, lead),
}


@pytest.fixture(scope="module")
def services():
    made = {"engine": Neighbour("mcp_engine"), "hub": Neighbour("security_hub")}
    yield made
    for service in made.values():
        service.close()


@pytest.fixture(scope="module")
def shared(services, tmp_path_factory):
    config = tmp_path_factory.mktemp("config") / "apus.yaml"
    retry = f"{{maxAttempts: {ATTEMPTS}, firstDelay: 200ms, maxDelay: 200ms}}"
    config.write_text(f"""\
neighbours:
  mcpEngine: {{address: "{services['engine'].address}", deadline: 20s}}
  # Not of the errors that these tests make: their audits would take up what a switch is for.
  securityHub:
    {{address: "{services['hub'].address}", deadline: 20s, auditTypes: ["lead.*"]}}
handlers:
  mcp-engine: {{retry: {retry}}}
  security-hub-audit: {{retry: {retry}}}
""")
    node = Node("--config", config)
    yield node
    node.close()


@pytest.fixture
def client(shared, tenant, services):
    for service in services.values():
        service.reset()
    with Client(shared, tenant) as made:
        yield made


def deliveries(client, id, consumer):
    """The finished runs of one handler, the first one first."""
    found = [d for d in client.get(id).deliveries if d.consumer == consumer]
    return sorted(found, key=lambda d: d.attempt)


def time_of(stamp):
    return stamp.seconds + stamp.nanos / 1e9


@pytest.mark.parametrize("code", RETRIED)
@pytest.mark.parametrize("call", CALLS)
def test_a_code_that_may_pass_is_tried_again(client, services, call, code):
    service, consumer, make = CALLS[call]
    services[service].set(method=call, fail=code, times=1)
    id = client.publish_one(make()).event_id
    client.processed(id)
    first, second = deliveries(client, id, consumer)
    assert (first.attempt, first.outcome) == (1, FAILED)
    assert (second.attempt, second.outcome) == (2, SUCCEEDED)
    assert first.retry_required
    # Not before the time that was told; how long the pauses are is tested on a clock that stands.
    assert time_of(first.next_attempt_at) >= time_of(first.started_at)
    assert time_of(second.started_at) >= time_of(first.next_attempt_at) - 0.01
    requests = services[service].calls(call)
    assert len(requests) == 2
    if service == "engine":
        ids = {call["request"]["metadata"]["request_id"] for call in requests}
        assert len(ids) == 1, "one request id for both attempts"


@pytest.mark.parametrize("call", CALLS)
def test_what_never_passes_becomes_a_dead_letter_after_its_attempts(client, services, call):
    service, consumer, make = CALLS[call]
    services[service].set(method=call, fail="UNAVAILABLE")
    id = client.publish_one(make()).event_id
    assert {d.attempt for d in failed(client, id, consumer)} == {1, 2, 3}
    assert len(services[service].calls(call)) == ATTEMPTS


def test_the_neighbour_says_when_to_come_again(client, services):
    services["engine"].set(
        method="ProcessMessage", fail="RESOURCE_EXHAUSTED", retry_after=1.5, times=1)
    id = client.publish_one(received()).event_id
    client.processed(id)
    first, second = deliveries(client, id, ENGINE)
    assert time_of(first.next_attempt_at) - time_of(first.started_at) >= 1.5
    assert time_of(second.started_at) - time_of(first.started_at) >= 1.5


def test_a_connection_that_is_cut_in_a_call_is_tried_again(client, services):
    services["engine"].set(method="ProcessMessage", drop=True, times=1)
    id = client.publish_one(received()).event_id
    answer_to(client, id)
    client.processed(id)
    assert [d.outcome for d in deliveries(client, id, ENGINE)] == [FAILED, SUCCEEDED]


def test_an_engine_that_takes_too_long_is_asked_again(
    start_node, new_client, tenant, services, tmp_path
):
    engine = services["engine"]
    engine.reset()
    engine.set(method="ProcessMessage", hold=True, times=1)
    # Any deadline would do, but that the second attempt must fit into it on a busy machine.
    config = tmp_path / "apus.yaml"
    config.write_text(
        f'neighbours: {{mcpEngine: {{address: "{engine.address}", deadline: 2s}}}}\n')
    node = start_node("--config", config)
    client = new_client(node, tenant)
    id = client.publish_one(received()).event_id
    answer_to(client, id)
    client.processed(id)
    first, second = deliveries(client, id, ENGINE)[:2]
    assert first.outcome == FAILED and time_of(first.duration) >= 1.9
    assert second.attempt == 2


def waiting(node):
    text = subprocess.run(
        ["curl", "-sS", "--fail", "--http2-prior-knowledge", "-m", "30",
         f"http://{node.address}/metrics"], capture_output=True, text=True, check=True).stdout
    for family in text_string_to_metric_families(text):
        if family.name == "apus_neighbour_waiting_requests":
            return {s.labels["component"]: int(s.value) for s in family.samples}
    return {}


def publish_together(client, node, engine, count):
    """Messages of so many conversations that are due while a call is under way; their ids."""
    engine.set(method="ProcessMessage", hold=True, times=1)
    first = client.publish_one(received("first")).event_id
    eventually(lambda: engine.calls("ProcessMessage"), "the first call is under way")
    ids = [client.publish_one(received(f"{n}")).event_id for n in range(count)]
    eventually(
        lambda: waiting(node).get("mcp-engine") == count, "the others wait for it", pause=0.05)
    engine.release()
    return [first, *ids]


def test_several_that_are_due_go_in_one_batch(client, shared, services):
    engine = services["engine"]
    ids = publish_together(client, shared, engine, 5)
    for id in ids:
        answer_to(client, id)
    (batch,) = engine.calls("BatchProcessMessages")
    messages = batch["request"]["messages"]
    assert len(messages) == 5 and len(engine.calls("ProcessMessage")) == 1
    assert len({m["conversation_id"] for m in messages}) == 5
    assert len({m["metadata"]["request_id"] for m in messages}) == 5


@pytest.mark.parametrize("code", RETRIED)
def test_a_batch_that_may_pass_is_tried_again(client, shared, services, code):
    engine = services["engine"]
    engine.set(method="BatchProcessMessages", fail=code, times=1)
    ids = publish_together(client, shared, engine, 3)
    for id in ids:
        client.processed(id)
    runs = [deliveries(client, id, ENGINE) for id in ids[1:]]
    assert all([d.outcome for d in run] == [FAILED, SUCCEEDED] for run in runs)


@pytest.mark.parametrize("code", PERMANENT)
def test_a_batch_that_would_fail_again_is_made_message_by_message(client, shared, services, code):
    engine = services["engine"]
    engine.set(method="BatchProcessMessages", fail=code)
    ids = publish_together(client, shared, engine, 3)
    for id in ids:
        client.processed(id)
        assert [d.outcome for d in deliveries(client, id, ENGINE)] == [SUCCEEDED]
    assert len(engine.calls("ProcessMessage")) == 4


def handler(client, name):
    stub = handler_service_pb2_grpc.HandlerServiceStub(client.channel)
    answer = stub.ListHandlers(
        handler_pb2.ListHandlersRequest(), timeout=30, metadata=client.metadata)
    return next(h for h in answer.handlers if h.name == name)


@pytest.mark.parametrize("call", CALLS)
def test_a_neighbour_that_does_not_let_us_in_opens_the_circuit(client, services, call):
    service, consumer, make = CALLS[call]
    name = consumer.split("/")[1]

    def is_in(state):
        return lambda: handler(client, name).state == state

    services[service].set(method=call, fail="UNAUTHENTICATED")
    client.publish_one(make())
    eventually(is_in(handler_pb2.HANDLER_STATE_BROKEN), "its circuit is open", pause=0.05)
    services[service].reset()
    # After a pause one run tries, and closes it.
    client.processed(client.publish_one(make()).event_id)
    eventually(is_in(handler_pb2.HANDLER_STATE_RUNNING), "its circuit is closed", pause=0.05)


def test_a_neighbour_that_is_away_loses_nothing(client, services):
    engine = services["engine"]
    engine.refuse()
    ids = [client.publish_one(received()).event_id for _ in range(2)]
    for id in ids:
        failed(client, id, ENGINE)
    engine.reset()
    stub = handler_service_pb2_grpc.HandlerServiceStub(client.channel)
    retried = stub.RetryDeadLetters(
        dead_letter_pb2.RetryDeadLettersRequest(consumer=ENGINE), timeout=30,
        metadata=client.metadata)
    assert retried.retried == 2
    for id in ids:
        answer_to(client, id)
        client.processed(id)
