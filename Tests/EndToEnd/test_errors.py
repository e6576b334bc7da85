"""Every row of the contract's table of errors that applies now, by Python's own gRPC."""

import re
import socket

import grpc
import pytest
from google.rpc import error_details_pb2

from apus.v1 import acknowledge_pb2, publish_pb2, replay_pb2
from clients import eventually, new_id
from events import lead
from problems import problem_of, refused

Code = grpc.StatusCode


def replay_of(id):
    return replay_pb2.GetReplayRequest(replay_id=id)


def taken(client):
    id = new_id()
    client.publish(lead(id=id))
    return lead(id=id, source="other")


def moved():
    return publish_pb2.SubjectPrecondition(subject="s", last_position=7)


def acknowledge(client):
    return client.call("Acknowledge", acknowledge_pb2.AcknowledgeRequest(group="none"))


ROWS = {
    "a field is too large": (
        Code.INVALID_ARGUMENT, lambda c: c.publish(lead(subject="x" * 600)),
        lambda p: p.fields == ["events[0].subject"],
    ),
    "an unknown type": (
        Code.INVALID_ARGUMENT, lambda c: c.publish(lead(type="no.such")),
        lambda p: len(p.fields) == 1 and p.fields[0].startswith("events[0]."),
    ),
    "several wrong fields, each named": (
        Code.INVALID_ARGUMENT, lambda c: c.publish(lead(id="x", source="y" * 600), lead(id="z")),
        lambda p: sorted(p.fields) == ["events[0].id", "events[0].source", "events[1].id"],
    ),
    "another tenant on publish": (
        Code.PERMISSION_DENIED, lambda c: c.publish(lead(tenant_id="other")),
        lambda p: p.info.reason == "TENANT_DENIED" and p.info.domain,
    ),
    "another tenant on a look-up": (
        Code.PERMISSION_DENIED, lambda c: c.get(new_id(), tenant_id="other"),
        lambda p: p.info.reason == "TENANT_DENIED",
    ),
    "another tenant in a filter": (
        Code.PERMISSION_DENIED, lambda c: c.subscribe(filter={"tenants": ["other"]}),
        lambda p: p.info.reason == "TENANT_DENIED",
    ),
    "no such event": (
        Code.NOT_FOUND, lambda c: c.get("0b0f7e5e-8f5e-4a53-9d5f-0a6f3c1d2e4b"),
        lambda p: (p.resource.resource_type, p.resource.resource_name)
        == ("event", "0b0f7e5e-8f5e-4a53-9d5f-0a6f3c1d2e4b"),
    ),
    "no such replay": (
        Code.NOT_FOUND,
        lambda c: c.call("GetReplay", replay_of("0b0f7e5e-8f5e-4a53-9d5f-0a6f3c1d2e4b")),
        lambda p: p.resource.resource_type == "replay",
    ),
    "no such group on subscribe": (
        Code.NOT_FOUND, lambda c: c.subscribe(group="none"),
        lambda p: p.resource.resource_type == "group",
    ),
    "no such group on acknowledge": (
        Code.NOT_FOUND, acknowledge, lambda p: p.resource.resource_type == "group",
    ),
    "the same id with other content": (
        Code.ALREADY_EXISTS, lambda c: c.publish(taken(c)),
        lambda p: p.resource.resource_type == "event" and p.resource.resource_name,
    ),
    "a failed precondition": (
        Code.FAILED_PRECONDITION, lambda c: c.publish(lead(), precondition=moved()),
        lambda p: p.precondition.subject == "s" and p.precondition.type,
    ),
    "a position beyond the head": (
        Code.OUT_OF_RANGE, lambda c: c.subscribe(after_position=(1 << 53) - 1),
        lambda p: p.info.reason and len(p.info.metadata) >= 2
        and all(v.isdigit() for v in p.info.metadata.values()),
    ),
}


@pytest.mark.parametrize("row", ROWS)
def test_a_refusal_has_its_status_and_its_details(client, row):
    code, call, holds = ROWS[row]
    problem = refused(code, call, client)
    assert holds(problem), problem


def test_without_a_tenant_a_caller_from_elsewhere_is_unauthenticated(start_node, new_client):
    here = own_address()
    node = start_node("--insecure", listen="0.0.0.0:0")
    node.address = f"{here}:{node.address.rsplit(':')[-1]}"
    problem = refused(Code.UNAUTHENTICATED, new_client(node).publish, lead())
    assert problem.info.reason
    assert new_client(node, "acme").publish_one(lead()).position == 1


def own_address():
    """An address of this machine that is not loopback; asking for a route sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has nothing but loopback")
        return probe.getsockname()[0]


def test_when_the_store_is_away_the_answer_is_unavailable_with_a_delay(start_node, new_client):
    home = start_node()
    node = start_node("--database", home.database)
    client = new_client(node, "acme")
    client.publish(lead())
    home.stop()

    def failed():
        try:
            client.publish(lead(), timeout=3)
        except grpc.RpcError as error:
            return error

    error = eventually(failed, "the store is away")
    # Before the deadline, so that the caller learns why.
    assert error.code() == Code.UNAVAILABLE, error
    problem = problem_of(error)
    assert problem.retry_seconds > 0
    for call in (
        lambda: client.get(new_id()), client.list, client.history, lambda: client.replay([new_id()])
    ):
        assert refused(Code.UNAVAILABLE, call).retry_seconds > 0


def test_our_own_fault_is_internal_with_a_reference_that_is_in_the_log(start_node, new_client):
    node = start_node()
    client = new_client(node, "acme")
    id = client.publish_one(lead("secret-payload")).event_id
    client.processed(id)
    with node.sql() as sql:
        sql.execute("alter table apus.events rename to mislaid")
    problem = refused(Code.INTERNAL, client.get, id)
    (reference,) = re.findall(r"[0-9A-Za-z]{8,}(?:-[0-9a-f]+)*(?=\W*$)", problem.message)
    assert reference in node.read_log()
    for leak in ("apus.", "relation", "select", "/", "42P01", "secret-payload"):
        assert leak not in problem.message
    assert not [d for d in problem.details if isinstance(d, error_details_pb2.DebugInfo)]


@pytest.mark.parametrize("path", ["/apus.v1.EventService/Nothing", "/apus.v1.Nothing/Publish"])
def test_an_unknown_method_is_unimplemented(client, path):
    call = client.channel.unary_unary(path)
    assert refused(Code.UNIMPLEMENTED, call, b"", timeout=30).message


def test_a_message_over_the_transports_limit_has_its_details_too(client):
    call = client.channel.unary_unary("/apus.v1.EventService/Publish")
    refused(Code.RESOURCE_EXHAUSTED, call, bytes(16 << 20), timeout=30, metadata=client.metadata)
