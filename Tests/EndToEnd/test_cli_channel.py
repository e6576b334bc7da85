"""The command line's channel against Python's server: targets, retries, deadlines, restarts."""

import json
import socket
import subprocess
import threading
from concurrent import futures

import grpc
import pytest

import stubs  # noqa: F401  (makes the modules below)
from apus.v1 import (
    event_pb2, event_service_pb2_grpc as services, health_pb2, lookup_pb2, publish_pb2,
    replay_pb2,
)
from nodes import BINARY, run_apus

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
HEALTHY = health_pb2.HealthResponse(status=health_pb2.HEALTH_STATUS_HEALTHY, version="9.9.9")


class Service(services.EventServiceServicer):
    """Answers as told: `answers` is used up one a call, an abort being (code, metadata)."""

    def __init__(self):
        self.answers = []
        self.calls = []

    def answer(self, request, context):
        self.calls.append((request, dict(context.invocation_metadata())))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if callable(answer):
            answer = answer(context)
        if isinstance(answer, tuple):
            code, metadata = answer
            context.set_trailing_metadata(metadata)
            context.abort(code, "not now")
        return answer

    Health = GetEvent = Publish = Replay = answer


class Server:
    def __init__(self, service, address="127.0.0.1:0"):
        self.grpc = grpc.server(
            futures.ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)]
        )
        services.add_EventServiceServicer_to_server(service, self.grpc)
        port = self.grpc.add_insecure_port(address)
        self.address = address if address.startswith("unix:") else f"127.0.0.1:{port}"
        self.grpc.start()

    def stop(self, grace=None):
        self.grpc.stop(grace).wait()


@pytest.fixture
def service():
    return Service()


@pytest.fixture
def server(service):
    server = Server(service)
    yield server
    server.stop()


def unused_port():
    """A port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def silent():
    """A server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


# Who calls


def test_calls_say_who_makes_them(service, server):
    service.answers = [HEALTHY]
    run_apus("health", "--address", server.address, "--tenant", "acme")
    (_, metadata), = service.calls
    assert metadata["client-name"] == "apus"
    assert metadata["client-version"] == json.loads(run_apus("version", "--json").stdout)["version"]
    assert metadata["user-agent"].startswith("apus-grpc/")
    assert metadata["x-tenant-id"] == "acme"
    assert "grpc-previous-rpc-attempts" not in metadata


# Targets


@pytest.mark.parametrize("form", ["{}", "dns:///{}", "ipv4:{}"])
def test_a_target_has_many_forms(service, server, form):
    service.answers = [HEALTHY]
    assert "9.9.9" in run_apus("health", "--address", form.format(server.address)).stdout


def test_localhost_is_found_whatever_it_stands_for(service, server):
    service.answers = [HEALTHY]
    port = server.address.split(":")[1]
    assert "9.9.9" in run_apus("health", "--address", f"localhost:{port}").stdout


def test_a_unix_socket_is_a_target(service, tmp_path):
    server = Server(service, f"unix:{tmp_path}/s")
    try:
        service.answers = [HEALTHY]
        assert "9.9.9" in run_apus("health", "--address", server.address).stdout
    finally:
        server.stop()


def test_of_several_addresses_the_one_that_answers_is_used(service, server, silent):
    service.answers = [HEALTHY]
    targets = f"127.0.0.1:{unused_port()},{silent},{server.address}"
    assert "9.9.9" in run_apus("health", "--address", targets).stdout


@pytest.mark.parametrize("target", ["nowhere", "a:0", "unix:", "127.0.0.1:1,"])
def test_a_target_that_is_none_is_wrong_usage(target):
    result = run_apus("health", "--address", target, check=False)
    assert result.returncode == 2 and "--address" in result.stderr


# What failed is named


def test_nobody_there_is_said_with_the_address_and_the_reason():
    address = f"127.0.0.1:{unused_port()}"
    result = run_apus("health", "--address", address, check=False)
    assert result.returncode == 1
    assert address in result.stderr and "refused" in result.stderr.lower(), result.stderr


def test_a_name_that_nobody_knows_is_said():
    result = run_apus("health", "--address", "nowhere.invalid:1", check=False)
    assert result.returncode == 1 and "nowhere.invalid" in result.stderr, result.stderr


def test_the_timeout_ends_a_call_that_is_not_answered(service, server):
    release = threading.Event()
    service.answers = [lambda context: release.wait(60) and HEALTHY]
    try:
        result = run_apus(
            "health", "--address", server.address, "--timeout", "300ms", check=False
        )
    finally:
        release.set()
    assert result.returncode == 1 and "DEADLINE_EXCEEDED" in result.stderr, result.stderr


def test_the_timeout_ends_a_call_whose_server_never_speaks(silent):
    result = run_apus("health", "--address", silent, "--timeout", "300ms", check=False)
    assert result.returncode == 1 and "DEADLINE_EXCEEDED" in result.stderr, result.stderr


# Made again


def test_a_safe_call_is_made_again_until_it_is_answered(service, server):
    service.answers = [(UNAVAILABLE, ()), (UNAVAILABLE, ()), HEALTHY]
    run_apus("health", "--address", server.address)
    attempts = [m.get("grpc-previous-rpc-attempts") for _, m in service.calls]
    assert attempts == [None, "1", "2"]


def test_attempts_come_to_an_end(service, server):
    service.answers = [(UNAVAILABLE, ())]
    result = run_apus("health", "--address", server.address, check=False)
    assert result.returncode == 1 and "UNAVAILABLE: not now" in result.stderr
    assert len(service.calls) == 4


def test_a_publish_is_made_again_as_the_same_event(service, server):
    result = publish_pb2.PublishResult(event_id="0", position=7)
    service.answers = [(UNAVAILABLE, ()), publish_pb2.PublishResponse(results=[result])]
    data = '{"leadId":"42","source":"manual"}'
    run_apus("publish", "lead.created", "--data", data, "--address", server.address)
    (first, _), (second, _) = service.calls
    assert first.events[0].id and first == second


def test_what_may_not_happen_twice_is_not_made_again(service, server):
    service.answers = [(UNAVAILABLE, ()), replay_pb2.ReplayResponse()]
    result = run_apus("replay", "--type", "a.*", "--address", server.address, check=False)
    assert result.returncode == 1 and len(service.calls) == 1


def test_a_server_that_says_never_is_not_asked_again(service, server):
    service.answers = [(UNAVAILABLE, (("grpc-retry-pushback-ms", "-1"),)), HEALTHY]
    result = run_apus("health", "--address", server.address, check=False)
    assert result.returncode == 1 and len(service.calls) == 1


def test_other_codes_are_final(service, server):
    service.answers = [(grpc.StatusCode.INTERNAL, ()), HEALTHY]
    result = run_apus("health", "--address", server.address, check=False)
    assert result.returncode == 1 and len(service.calls) == 1


# Servers that come and go


def pending(status):
    event = event_pb2.Event(id="0190b8a0-0000-7000-8000-000000000000", type="a.b")
    return lookup_pb2.GetEventResponse(event=event, status=status)


@pytest.mark.parametrize("grace", [None, 5], ids=["cut off", "in good order"])
def test_a_restart_between_calls_is_not_noticed(service, grace):
    """`get --wait` asks again and again over one channel, until the event is processed."""
    asked = threading.Event()

    def first(context):
        asked.set()
        return pending(lookup_pb2.EVENT_STATUS_PENDING)

    service.answers = [first]
    server = Server(service)
    client = subprocess.Popen(
        [str(BINARY), "get", "0190b8a0-0000-7000-8000-000000000000", "--wait",
         "--address", server.address],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    try:
        for _ in range(3):
            assert asked.wait(30)
            server.stop(grace)
            server = Server(service, server.address)
            asked.clear()
        assert asked.wait(30)
        service.answers = [pending(lookup_pb2.EVENT_STATUS_PROCESSED)]
        out, error = client.communicate(timeout=60)
        assert client.returncode == 0 and error == "", error
        assert "processed" in out
    finally:
        client.kill()
        client.communicate()
        server.stop()
