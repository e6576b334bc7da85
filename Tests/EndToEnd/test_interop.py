"""gRPC's interop cases, as its `interop-test-descriptions.md` has them, between Apus' runtime and
Python's gRPC, and between Apus' own two sides. What grpcio does not show, such as the flag of a
compressed message, is in test_grpc_wire.py."""

import queue

import grpc
import pytest

from certificates import Authority
from interop import ECHO_INITIAL, ECHO_TRAILING, InteropServer, run_client
from interop_server import PythonServer
from interop_stubs import empty_pb2, messages_pb2, test_pb2_grpc

PATIENCE = 30
SIZES = [(27182, 31415), (8, 9), (1828, 2653), (45904, 58979)]
CODECS = [grpc.Compression.Gzip, grpc.Compression.Deflate]
CASES = 20


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module", params=["plaintext", "TLS"])
def served(request):
    """Our server, and how to reach it: address, credentials."""
    if request.param == "plaintext":
        server, credentials = InteropServer(), None
    else:
        authority = request.getfixturevalue("authority")
        certificate, key = authority.issue("server")
        server = InteropServer("--tls-certificate", certificate, "--tls-key", key)
        credentials = grpc.ssl_channel_credentials(authority.certificate.read_bytes())
    yield server, credentials
    server.close()


@pytest.fixture
def channel(served):
    server, credentials = served
    with server.channel(credentials) as made:
        yield made


@pytest.fixture
def service(channel):
    return test_pb2_grpc.TestServiceStub(channel)


def zeros(count):
    return messages_pb2.Payload(body=b"\0" * count)


def large_request(**fields):
    return messages_pb2.SimpleRequest(response_size=314159, payload=zeros(271828), **fields)


def flag(value):
    return messages_pb2.BoolValue(value=value)


def step(sent, wanted):
    return messages_pb2.StreamingOutputCallRequest(
        response_parameters=[messages_pb2.ResponseParameters(size=wanted)], payload=zeros(sent),
    )


def status(call, *arguments, **options):
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, timeout=PATIENCE, **options)
    return caught.value


# Python's client against our server


def test_empty_unary(service):
    assert service.EmptyCall(empty_pb2.Empty(), timeout=PATIENCE) == empty_pb2.Empty()


def test_large_unary(service):
    answer = service.UnaryCall(large_request(), timeout=PATIENCE)
    assert answer.payload == zeros(314159)


@pytest.mark.parametrize("codec", CODECS)
def test_client_compressed_unary(service, codec):
    refused = status(service.UnaryCall, large_request(expect_compressed=flag(True)))
    assert refused.code() == grpc.StatusCode.INVALID_ARGUMENT
    for compressed in (True, False):
        answer = service.UnaryCall(
            large_request(expect_compressed=flag(compressed)), timeout=PATIENCE,
            compression=codec if compressed else grpc.Compression.NoCompression,
        )
        assert answer.payload == zeros(314159)


def test_server_compressed_unary(service):
    for compressed in (True, False):
        answer = service.UnaryCall(
            large_request(response_compressed=flag(compressed)), timeout=PATIENCE,
        )
        assert answer.payload == zeros(314159)


def test_client_streaming(service):
    requests = (messages_pb2.StreamingInputCallRequest(payload=zeros(n)) for n, _ in SIZES)
    answer = service.StreamingInputCall(requests, timeout=PATIENCE)
    assert answer.aggregated_payload_size == 74922


@pytest.mark.parametrize("codec", CODECS)
def test_client_compressed_streaming(service, codec):
    def requests():
        for size in (27182, 45904):  # grpcio compresses all or none of a call's messages
            yield messages_pb2.StreamingInputCallRequest(
                payload=zeros(size), expect_compressed=flag(True),
            )

    refused = status(service.StreamingInputCall, requests())
    assert refused.code() == grpc.StatusCode.INVALID_ARGUMENT
    answer = service.StreamingInputCall(requests(), timeout=PATIENCE, compression=codec)
    assert answer.aggregated_payload_size == 73086


def test_server_streaming(service):
    request = messages_pb2.StreamingOutputCallRequest(response_parameters=[
        messages_pb2.ResponseParameters(size=size) for _, size in SIZES
    ])
    answers = list(service.StreamingOutputCall(request, timeout=PATIENCE))
    assert [a.payload for a in answers] == [zeros(size) for _, size in SIZES]


def test_server_compressed_streaming(service):
    request = messages_pb2.StreamingOutputCallRequest(response_parameters=[
        messages_pb2.ResponseParameters(size=31415, compressed=flag(True)),
        messages_pb2.ResponseParameters(size=92653, compressed=flag(False)),
    ])
    answers = list(service.StreamingOutputCall(request, timeout=PATIENCE))
    assert [a.payload for a in answers] == [zeros(31415), zeros(92653)]


def duplex(service, **options):
    """A full-duplex call, and the queue of its requests; None ends them."""
    requests = queue.Queue()
    return service.FullDuplexCall(iter(requests.get, None), timeout=PATIENCE, **options), requests


def test_ping_pong(service):
    answers, requests = duplex(service)
    for sent, wanted in SIZES:
        requests.put(step(sent, wanted))
        assert next(answers).payload == zeros(wanted)
    requests.put(None)
    assert list(answers) == []


def test_half_duplex(service):
    requests = [step(sent, wanted) for sent, wanted in SIZES]
    answers = list(service.HalfDuplexCall(iter(requests), timeout=PATIENCE))
    assert [a.payload for a in answers] == [zeros(wanted) for _, wanted in SIZES]


def test_empty_stream(service):
    assert list(service.FullDuplexCall(iter(()), timeout=PATIENCE)) == []


def test_custom_metadata(service):
    sent = [(ECHO_INITIAL, "test_initial_metadata_value"), (ECHO_TRAILING, b"\xab\xab\xab")]
    _, unary = service.UnaryCall.with_call(large_request(), metadata=sent, timeout=PATIENCE)
    streamed = service.FullDuplexCall(iter([step(271828, 314159)]), metadata=sent, timeout=PATIENCE)
    assert len(list(streamed)) == 1
    for call in (unary, streamed):
        assert sent[0] in call.initial_metadata()
        assert sent[1] in call.trailing_metadata()


def test_status_code_and_message(service):
    wanted = messages_pb2.EchoStatus(code=2, message="test status message")
    unary = status(service.UnaryCall, messages_pb2.SimpleRequest(response_status=wanted))
    request = messages_pb2.StreamingOutputCallRequest(response_status=wanted)
    with pytest.raises(grpc.RpcError) as streamed:
        list(service.FullDuplexCall(iter([request]), timeout=PATIENCE))
    for error in (unary, streamed.value):
        assert (error.code(), error.details()) == (grpc.StatusCode.UNKNOWN, "test status message")


def test_special_status_message(service):
    message = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
    error = status(service.UnaryCall, messages_pb2.SimpleRequest(
        response_status=messages_pb2.EchoStatus(code=2, message=message),
    ))
    assert (error.code(), error.details()) == (grpc.StatusCode.UNKNOWN, message)


def test_unimplemented_method(service):
    error = status(service.UnimplementedCall, empty_pb2.Empty())
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED


def test_unimplemented_service(channel):
    service = test_pb2_grpc.UnimplementedServiceStub(channel)
    error = status(service.UnimplementedCall, empty_pb2.Empty())
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED


def test_cancel_after_begin(service):
    call = service.StreamingInputCall.future(iter(queue.Queue().get, None), timeout=PATIENCE)
    call.cancel()
    assert call.cancelled() and call.code() == grpc.StatusCode.CANCELLED


def test_cancel_after_first_response(service):
    answers, requests = duplex(service)
    requests.put(step(27182, 31415))
    assert next(answers).payload == zeros(31415)
    answers.cancel()
    with pytest.raises(grpc.RpcError):
        next(answers)
    assert answers.code() == grpc.StatusCode.CANCELLED
    requests.put(None)


def test_timeout_on_sleeping_server(service):
    requests = queue.Queue()
    requests.put(messages_pb2.StreamingOutputCallRequest(payload=zeros(27182)))
    with pytest.raises(grpc.RpcError) as caught:
        list(service.FullDuplexCall(iter(requests.get, None), timeout=0.001))
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    requests.put(None)


def test_rpc_soak(service):
    for _ in range(200):
        assert service.UnaryCall(large_request(), timeout=PATIENCE).payload == zeros(314159)


def test_channel_soak(served):
    server, credentials = served
    for _ in range(50):
        with server.channel(credentials) as channel:
            service = test_pb2_grpc.TestServiceStub(channel)
            assert service.UnaryCall(large_request(), timeout=PATIENCE).payload == zeros(314159)


# Our client


def test_our_client_against_our_server(served, authority):
    server, credentials = served
    trust = [] if credentials is None else ["--tls-ca", authority.certificate]
    assert run_client(server.address, *trust).count("passed ") == CASES


@pytest.mark.parametrize("secure", [False, True], ids=["plaintext", "TLS"])
def test_our_client_against_pythons_server(secure, authority):
    credentials, trust = None, []
    if secure:
        certificate, key = authority.issue("python")
        credentials = grpc.ssl_server_credentials([(key.read_bytes(), certificate.read_bytes())])
        trust = ["--tls-ca", authority.certificate]
    server = PythonServer(credentials)
    try:
        output = run_client(server.address, "--requests-seen", "unpacked", *trust)
    finally:
        server.close()
    assert output.count("passed ") == CASES


def test_our_client_refuses_a_server_of_another_issuer(authority, tmp_path):
    certificate, key = Authority(tmp_path).issue("server")
    server = InteropServer("--tls-certificate", certificate, "--tls-key", key)
    try:
        with pytest.raises(AssertionError, match="FAILED empty_unary: UNAVAILABLE"):
            run_client(server.address, "--case", "empty_unary", "--tls-ca", authority.certificate)
    finally:
        server.close()
