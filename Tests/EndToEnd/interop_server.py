"""The interop suite's server in Python, on grpcio: a peer for our own client."""

import concurrent.futures
import time

import grpc

from interop import ECHO_INITIAL, ECHO_TRAILING
from interop_stubs import empty_pb2, messages_pb2, test_pb2_grpc


class TestService(test_pb2_grpc.TestServiceServicer):
    __test__ = False

    def EmptyCall(self, request, context):
        begin(context)
        return empty_pb2.Empty()

    def UnaryCall(self, request, context):
        begin(context, request.response_compressed.value)
        echo_status(request.response_status, context)
        return messages_pb2.SimpleResponse(payload=payload(request.response_size))

    def StreamingOutputCall(self, request, context):
        begin(context, any(p.compressed.value for p in request.response_parameters))
        yield from answers(request, context)

    def StreamingInputCall(self, requests, context):
        begin(context)
        size = sum(len(request.payload.body) for request in requests)
        return messages_pb2.StreamingInputCallResponse(aggregated_payload_size=size)

    def FullDuplexCall(self, requests, context):
        begin(context)
        for request in requests:
            yield from answers(request, context)


def begin(context, compressing=False):
    sent = context.invocation_metadata()
    context.set_compression(grpc.Compression.Gzip if compressing else grpc.Compression.NoCompression)
    context.send_initial_metadata([(k, v) for k, v in sent if k == ECHO_INITIAL])
    context.set_trailing_metadata([(k, v) for k, v in sent if k == ECHO_TRAILING])


def answers(request, context):
    echo_status(request.response_status, context)
    for parameters in request.response_parameters:
        time.sleep(parameters.interval_us / 1e6)
        if not parameters.compressed.value:
            context.disable_next_message_compression()
        yield messages_pb2.StreamingOutputCallResponse(payload=payload(parameters.size))


def echo_status(status, context):
    if status.code:
        code = next(c for c in grpc.StatusCode if c.value[0] == status.code)
        context.abort(code, status.message)


def payload(size):
    return messages_pb2.Payload(body=b"\0" * size)


class PythonServer:
    """One such server on a free port of loopback."""

    def __init__(self, credentials=None):
        pool = concurrent.futures.ThreadPoolExecutor(max_workers=8)
        self.server = grpc.server(pool)
        # The one method that the suite wants to be missing answers UNIMPLEMENTED by itself.
        test_pb2_grpc.add_TestServiceServicer_to_server(TestService(), self.server)
        if credentials is None:
            port = self.server.add_insecure_port("127.0.0.1:0")
        else:
            port = self.server.add_secure_port("127.0.0.1:0", credentials)
        self.server.start()
        self.address = f"127.0.0.1:{port}"

    def close(self):
        self.server.stop(0).wait()
