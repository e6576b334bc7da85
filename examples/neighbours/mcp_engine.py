"""An MCP Engine that answers what it was told, and knows a request that comes again."""

import threading
import time

import grpc

import stubs  # noqa: F401  (first: it puts the generated code on the path)
from mcp.common.v2 import common_pb2
from mcp.engine.v2 import conversation_pb2, mcp_engine_pb2, mcp_engine_pb2_grpc, stream_pb2
from service import serve

PACKAGE = "mcp.engine.v2.MCPEngine"
DONE = common_pb2.Status(success=True)


class Engine(mcp_engine_pb2_grpc.MCPEngineServicer):
    def __init__(self):
        self.lock = threading.Lock()
        self.conversations, self.answers = {}, {}

    def ProcessMessage(self, request, context):
        fault = self.fault(request)
        if fault:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, fault)
        return self.process(request)

    def BatchProcessMessages(self, request, context):
        faults = [fault for fault in map(self.fault, request.messages) if fault]
        if faults:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, faults[0])
        # In another order than asked, as parallel work ends.
        responses = [self.process(message) for message in reversed(request.messages)]
        return conversation_pb2.BatchProcessMessagesResponse(
            status=DONE, responses=responses, successful_count=len(responses))

    def GetConversationState(self, request, context):
        with self.lock:
            state = self.conversations.get(self.key(request))
        if state is None:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such conversation")
        return conversation_pb2.GetConversationStateResponse(
            status=DONE, conversation_state=state)

    def ResetConversation(self, request, context):
        with self.lock:
            state = self.conversations.pop(self.key(request), None)
        if state is None:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such conversation")
        return conversation_pb2.ResetConversationResponse(
            status=DONE, conversation_id=request.conversation_id,
            previous_state=state.current_state)

    def StreamConversation(self, requests, context):
        for request in requests:
            match request.WhichOneof("content"):
                case "init":
                    ack = stream_pb2.StreamAck(stream_id=request.init.conversation_id, status=DONE)
                    yield stream_pb2.ConversationStreamResponse(ack=ack)
                case "message":
                    yield stream_pb2.ConversationStreamResponse(
                        message_response=self.process(request.message))
                case "close":
                    return

    def HealthCheck(self, request, context):
        response = mcp_engine_pb2.HealthCheckResponse(
            status=common_pb2.HEALTH_SERVING, service_name="mcp-engine", version="example")
        response.timestamp.GetCurrentTime()
        return response

    def GetMetrics(self, request, context):
        return mcp_engine_pb2.GetMetricsResponse()

    # What the answers are made of

    @staticmethod
    def key(request):
        return request.tenant_context.tenant_id, request.conversation_id

    @staticmethod
    def fault(request):
        for name, value in (
            ("tenant_context.tenant_id", request.tenant_context.tenant_id),
            ("conversation_id", request.conversation_id), ("user_id", request.user_id),
            ("content", request.content.text or request.content.payload),
        ):
            if not value:
                return f"{name} must be set"
        return None

    def process(self, request):
        id = request.metadata.request_id
        started = time.monotonic()
        with self.lock:
            if id and id in self.answers:
                return self.answers[id]
            state = self.conversations.setdefault(
                self.key(request), conversation_pb2.ConversationState(current_state="open"))
            state.message_count += 1
            answer = conversation_pb2.ProcessMessageResponse(
                status=DONE, conversation_id=request.conversation_id,
                current_state=state.current_state, conversation_state=state)
            answer.response.type = common_pb2.MESSAGE_TYPE_TEXT
            said = request.content.text or request.content.payload
            answer.response.text = f"You said: {said}"
            answer.metadata.request_id = id
            answer.performance_metrics.execution_time_ms = int(
                (time.monotonic() - started) * 1000)
            if id:
                self.answers[id] = answer
            return answer


def refuse(method, request, code):
    """An answer with OK whose own status says that it failed."""
    failed = common_pb2.Status(
        success=False, error_code=code, message=f"{method} is refused on purpose")
    if method == "ProcessMessage":
        return conversation_pb2.ProcessMessageResponse(
            status=failed, conversation_id=request.conversation_id)
    if method == "BatchProcessMessages":
        return conversation_pb2.BatchProcessMessagesResponse(
            status=failed, failed_count=len(request.messages),
            responses=[refuse("ProcessMessage", message, code) for message in request.messages])
    if method == "ResetConversation":
        return conversation_pb2.ResetConversationResponse(status=failed)
    if method == "GetConversationState":
        return conversation_pb2.GetConversationStateResponse(status=failed)
    return None


if __name__ == "__main__":
    serve(
        "mcp-engine", PACKAGE, 50051,
        lambda server: mcp_engine_pb2_grpc.add_MCPEngineServicer_to_server(Engine(), server),
        refuse)
