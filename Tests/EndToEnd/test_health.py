"""Health: our own answer, and gRPC's standard service."""

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from apus.v1 import health_pb2 as apus_health_pb2
from events import lead
from nodes import run_apus

SERVING = health_pb2.HealthCheckResponse.SERVING


@pytest.fixture
def standard(client):
    return health_pb2_grpc.HealthStub(client.channel)


def test_health_tells_version_start_components_and_figures(client):
    before = client.call("Health", apus_health_pb2.HealthRequest())
    assert before.status == apus_health_pb2.HEALTH_STATUS_HEALTHY
    assert before.version and before.version in run_apus("version").stdout
    assert before.started_at.seconds > 1_700_000_000
    assert before.components and all(
        c.name and c.status == apus_health_pb2.HEALTH_STATUS_HEALTHY for c in before.components
    )
    assert before.statistics.handlers_registered >= 1

    result = client.publish_one(lead())
    client.processed(result.event_id)
    reading = client.live()
    after = client.call("Health", apus_health_pb2.HealthRequest())
    assert after.started_at == before.started_at
    assert after.statistics.events_published > before.statistics.events_published
    assert after.statistics.head_position >= result.position
    assert after.statistics.subscribers >= 1
    reading.cancel()


def test_health_needs_no_tenant(node, new_client):
    answer = new_client(node).call("Health", apus_health_pb2.HealthRequest())
    assert answer.status == apus_health_pb2.HEALTH_STATUS_HEALTHY


@pytest.mark.parametrize("service", ["", "apus.v1.EventService"])
def test_the_standard_check_says_serving(standard, service):
    request = health_pb2.HealthCheckRequest(service=service)
    assert standard.Check(request, timeout=30).status == SERVING


def test_the_standard_check_does_not_know_other_services(standard):
    with pytest.raises(grpc.RpcError) as raised:
        standard.Check(health_pb2.HealthCheckRequest(service="no.such"), timeout=30)
    assert raised.value.code() == grpc.StatusCode.NOT_FOUND


def test_the_standard_watch_answers_at_once_and_stays_open(standard):
    known = standard.Watch(health_pb2.HealthCheckRequest(), timeout=1)
    unknown = standard.Watch(health_pb2.HealthCheckRequest(service="no.such"), timeout=1)
    assert next(known).status == SERVING
    assert next(unknown).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
    for watch in (known, unknown):
        with pytest.raises(grpc.RpcError) as raised:
            next(watch)
        assert raised.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED


def test_the_standard_watch_tells_when_the_node_stops(start_node, new_client):
    node = start_node()
    standard = health_pb2_grpc.HealthStub(new_client(node).channel)
    watch = standard.Watch(health_pb2.HealthCheckRequest(), timeout=30)
    assert next(watch).status == SERVING
    assert node.stop(patience=8) == 0, "the watch does not hold it up"
    with pytest.raises(grpc.RpcError) as raised:
        for answer in watch:
            assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert raised.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
