"""MCP Engine and Security Hub: Python services that nobody here's runtime made."""

import subprocess
import sys

import grpc
import pytest
from apus.events.chat.v1 import message_events_pb2
from apus.v1 import health_pb2

from clients import Client, eventually, new_id
from events import lead
from neighbours import (
    ENGINE, EXAMPLES, HUB, PERMANENT, Neighbour, answer_to, ended, failed, received,
)
from nodes import Node

@pytest.fixture(scope="module")
def services():
    made = [Neighbour("mcp_engine"), Neighbour("security_hub")]
    yield made
    for service in made:
        service.close()


@pytest.fixture
def engine(services):
    services[0].reset()
    return services[0]


@pytest.fixture
def hub(services):
    services[1].reset()
    return services[1]


@pytest.fixture(scope="module")
def shared(services):
    engine, hub = services
    node = Node("--mcp-engine", engine.address, "--security-hub", hub.address)
    yield node
    node.close()


@pytest.fixture
def client(shared, tenant, engine, hub):
    with Client(shared, tenant) as made:
        yield made


def component(client, name):
    health = client.call("Health", health_pb2.HealthRequest())
    return health, next(c for c in health.components if c.name == name)


def test_a_message_is_answered_by_an_event_that_it_caused(client, engine):
    sent = received("How are you?", metadata={"correlation_id": "c-1", "session_id": "s-1"})
    id = client.publish_one(sent).event_id
    answer = answer_to(client, id)
    data = message_events_pb2.MessageSent()
    assert answer.data.Unpack(data)
    assert data.content["text"] == "You said: How are you?"
    assert data.delivery_status == message_events_pb2.DELIVERY_STATUS_PENDING
    assert data.recipient == "ann" and data.channel == "web" and data.message_type == "text"
    assert answer.metadata.correlation_id == "c-1" and answer.source == "mcp-engine"
    assert (answer.subject, answer.partition) == (sent.subject, client.get(id).event.partition)
    client.processed(id)

    (call,) = engine.calls("ProcessMessage")
    request = call["request"]
    assert request["tenant_context"] == {
        "tenant_id": client.tenant, "user_id": "ann", "session_id": "s-1"}
    assert request["metadata"]["request_id"].startswith(ENGINE + "/")
    assert call["metadata"]["client-name"] == "apus" and call["metadata"]["client-version"]
    assert 0 < call["time_remaining"] <= 5


def test_a_replay_asks_again_and_publishes_nothing_twice(client, engine):
    id = client.publish_one(received()).event_id
    answer = answer_to(client, id)
    client.processed(id)
    # Another answer than the first: what is published stays.
    engine.reset()
    done = client.replay_done(client.replay([id], handlers=["mcp-engine"]).replay_id)
    assert done.targets[0].done == 1
    (call,) = engine.calls("ProcessMessage")
    assert call["request"]["metadata"]["request_id"].startswith(ENGINE)
    ids = [d.event.id for d in client.history("chat.message.sent")]
    assert ids == [answer.id]


def test_a_replay_leaves_the_neighbours_out_unless_they_are_named(client, engine):
    id = client.publish_one(received()).event_id
    client.processed(id)
    targets = {t.handler: t for t in client.replay([id], dry_run=True).targets}
    assert "side effects" in targets["mcp-engine"].skipped_reason
    assert "side effects" in targets["security-hub-audit"].skipped_reason


def test_a_conversation_that_ended_is_reset_after_its_last_message(client, engine):
    conversation = new_id()
    client.publish_one(received("one", conversation))
    client.publish_one(received("two", conversation))
    id = client.publish_one(ended(conversation)).event_id
    client.processed(id)
    calls = engine.calls("ProcessMessage", "ResetConversation")
    assert [call["method"] for call in calls] == [
        "ProcessMessage", "ProcessMessage", "ResetConversation"]
    assert calls[-1]["request"]["conversation_id"] == conversation


def test_a_conversation_that_the_engine_never_heard_of_is_reset_already(client, engine):
    id = client.publish_one(ended(new_id())).event_id
    client.processed(id)
    assert engine.calls("ResetConversation")


def test_the_hub_is_told_of_every_publish(client, hub):
    sent = {client.publish_one(lead()).event_id, client.publish_one(ended(new_id())).event_id}

    def told():
        records = [
            record for call in hub.calls("RecordAuditEvents")
            for record in call["request"]["events"] if record["tenant_id"] == client.tenant
        ]
        return sent <= {record["event_id"] for record in records} and records

    records = eventually(told, "the hub knows of both")
    kinds = {record["details"]["type"] for record in records}
    assert {"lead.created", "chat.conversation.ended"} <= kinds
    for record in records:
        assert record["event_type"] == "events.publish"
        assert record["result"] == "AUDIT_RESULT_SUCCESS"
    for id in sent:
        client.processed(id)


@pytest.mark.parametrize("code", PERMANENT)
def test_a_code_that_would_come_again_ends_processing(client, engine, code):
    engine.set(method="ProcessMessage", fail=code)
    id = client.publish_one(received()).event_id
    deliveries = failed(client, id, ENGINE)
    assert {d.attempt for d in deliveries} == {1}
    assert len(engine.calls("ProcessMessage")) == 1
    # What the tenant sees names neither neighbour nor code.
    assert "HANDLER_FAILED" in deliveries[0].error_message and code not in str(deliveries)


@pytest.mark.parametrize("code", [c for c in PERMANENT if c != "NOT_FOUND"])
def test_a_code_that_would_come_again_ends_a_reset(client, engine, code):
    engine.set(method="ResetConversation", fail=code)
    id = client.publish_one(ended(new_id())).event_id
    assert {d.attempt for d in failed(client, id, ENGINE)} == {1}
    assert len(engine.calls("ResetConversation")) == 1


@pytest.mark.parametrize("code", PERMANENT)
def test_a_code_that_would_come_again_ends_an_audit(client, hub, code):
    hub.set(method="RecordAuditEvents", fail=code)
    id = client.publish_one(lead()).event_id
    assert {d.attempt for d in failed(client, id, HUB)} == {1}


@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "FLOW_BROKEN", ""])
def test_an_answer_that_says_that_it_failed_is_judged_by_its_own_code(client, engine, hub, code):
    engine.set(error_code=code)
    hub.set(error_code=code)
    message = client.publish_one(received()).event_id
    reset = client.publish_one(ended(new_id())).event_id
    for id in (message, reset):
        assert {d.attempt for d in failed(client, id, ENGINE)} == {1}
        assert {d.attempt for d in failed(client, id, HUB)} == {1}


def test_health_shows_both_with_how_long_they_take(client):
    def healthy():
        health, _ = component(client, "mcp-engine")
        return health if health.status == health_pb2.HEALTH_STATUS_HEALTHY else None

    health = eventually(healthy, "both neighbours serve")
    for name in ("mcp-engine", "security-hub"):
        found = next(c for c in health.components if c.name == name)
        assert found.status == health_pb2.HEALTH_STATUS_HEALTHY and not found.message
        assert found.HasField("latency")


def test_health_is_degraded_while_a_neighbour_fails(client, hub):
    hub.set(method="HealthCheck", fail="INTERNAL")

    def degraded():
        health, found = component(client, "security-hub")
        return health if found.message == "Its health check fails with INTERNAL." else None

    health = eventually(degraded, "the hub fails its health check", pause=0.1)
    assert health.status == health_pb2.HEALTH_STATUS_DEGRADED
    # What it is for goes on.
    client.processed(client.publish_one(lead()).event_id)
    hub.reset()
    eventually(
        lambda: component(client, "security-hub")[1].status == health_pb2.HEALTH_STATUS_HEALTHY,
        "the hub is back", pause=0.1)


def test_a_node_starts_and_stays_up_without_its_neighbours(start_node, new_client, tenant):
    # Nobody listens on port 1.
    node = start_node("--mcp-engine", "127.0.0.1:1", "--security-hub", "127.0.0.1:1")
    client = new_client(node, tenant)
    assert client.publish_one(received()).position
    eventually(
        lambda: component(client, "mcp-engine")[1].message
        == "Its health check fails with UNAVAILABLE.", "the engine was asked")
    health, _ = component(client, "security-hub")
    assert health.status == health_pb2.HEALTH_STATUS_DEGRADED
    assert node.stop() == 0


@pytest.mark.parametrize("flag", ["--mcp-engine", "--security-hub"])
def test_a_neighbour_is_a_host_and_a_port(flag, start_node):
    with pytest.raises(AssertionError, match=f"{flag} must be HOST:PORT"):
        start_node(flag, "nowhere")


def test_a_neighbour_whose_certificates_cannot_be_read_is_told(start_node, tmp_path):
    config = tmp_path / "apus.yaml"
    config.write_text(
        "neighbours: {securityHub: {address: 'hub:1', tls: {issuers: /nowhere/ca.pem}}}\n")
    with pytest.raises(AssertionError, match="TLS of the neighbour security-hub: "):
        start_node("--config", config)


@pytest.fixture
def call_engine():
    """Starts an engine and makes calls without a message to it."""
    started = []

    def start(*arguments):
        service = Neighbour("mcp_engine", *arguments)
        started.append(service)
        channel = grpc.insecure_channel(service.address)
        rpc = channel.unary_unary(
            "/mcp.engine.v2.MCPEngine/GetMetrics", lambda x: x, lambda x: x)

        def call():
            try:
                rpc(b"", timeout=30)
                return "OK"
            except grpc.RpcError as error:
                return error.code().name

        return service, call

    yield start
    for service in started:
        service.close()


def test_the_switches_are_set_from_the_command_line(call_engine):
    _, call = call_engine("--fail", "ABORTED", "--times", "1")
    assert [call(), call()] == ["ABORTED", "OK"]


def test_the_switches_are_set_while_a_service_runs(call_engine):
    service, call = call_engine()

    def switch(*arguments):
        return subprocess.run(
            [sys.executable, EXAMPLES / "switch.py", *arguments], capture_output=True, text=True,
            timeout=60)

    assert switch(service.switches, "Set", "fail=ABORTED", "times=1").returncode == 0
    assert [call(), call()] == ["ABORTED", "OK"]
    assert switch(service.switches, "Set", "drop=true", "times=1").returncode == 0
    assert call() == "UNAVAILABLE"
    assert '"GetMetrics"' in switch(service.switches, "Calls").stdout
    assert switch(service.switches, "Set", "fail=NO_SUCH_CODE").returncode != 0
    assert "usage: switch.py" in switch().stderr
