import EventProtos
import Events
import GRPC
import Testing

@testable import Neighbours

/// What follows from how a call ended.
@Suite struct NeighbourFailureTests {
    private typealias Consequence = NeighbourFailure.Consequence

    private static let codes: [(RPCStatusCode, HandlerError.Kind)] = [
        (.cancelled, .transient), (.unknown, .permanent), (.invalidArgument, .permanent),
        (.deadlineExceeded, .transient), (.notFound, .permanent), (.alreadyExists, .permanent),
        (.permissionDenied, .permanent), (.resourceExhausted, .transient),
        (.failedPrecondition, .permanent), (.aborted, .transient), (.outOfRange, .permanent),
        (.unimplemented, .permanent), (.internalError, .permanent), (.unavailable, .transient),
        (.dataLoss, .permanent), (.unauthenticated, .refused),
    ]

    @Test(arguments: codes)
    func `each code is retried, opens the circuit or gives up`(
        code: RPCStatusCode, kind: HandlerError.Kind
    ) {
        #expect(Self.codes.count == 16)
        let failure = NeighbourFailure(
            RPCError(code, "told"), from: .mcpEngine, method: "ProcessMessage")
        let error = failure.handlerError
        #expect(error.kind == kind)
        #expect(error.target == "mcp-engine")
        #expect(error.text == "mcp-engine ProcessMessage: \(code): told")
        #expect(error.retryAfter == nil)
    }

    @Test(arguments: codes)
    func `an answer that says why it failed counts as that code`(
        code: RPCStatusCode, kind: HandlerError.Kind
    ) throws {
        for name in [code.description, code.description.lowercased()] {
            let status = McpCommonV2.Status(message: "told", errorCode: name)
            let failure = try #require(
                NeighbourFailure(status, from: .securityHub, method: "RecordAuditEvents"))
            #expect(failure.code == code)
            #expect(failure.handlerError.kind == kind)
        }
    }

    @Test func `an answer that failed for a reason of its own, or none, would fail again`() throws {
        for name in ["", "OK", "FLOW_NOT_FOUND", "17"] {
            let status = McpCommonV2.Status(errorCode: name)
            let failure = try #require(
                NeighbourFailure(status, from: .mcpEngine, method: "ProcessMessage"))
            #expect(failure.code == .unknown)
            #expect(failure.handlerError.kind == .permanent)
            #expect(name.isEmpty || failure.message.hasPrefix("\(name): "))
        }
    }

    @Test func `an answer that succeeded, or says nothing, did what it was for`() {
        let statuses = [nil, McpCommonV2.Status(success: true, errorCode: "UNAVAILABLE")]
        for status in statuses {
            #expect(
                NeighbourFailure(status, from: .mcpEngine, method: "ProcessMessage") == nil)
        }
    }

    @Test func `the neighbour may say when to come again`() {
        func error(_ delay: GoogleProtobuf.Duration?) -> HandlerError {
            let status = GoogleRpc.Status(
                code: 14,
                details: [
                    GoogleProtobuf.AnyMessage(packing: GoogleRpc.ErrorInfo(reason: "BUSY")),
                    GoogleProtobuf.AnyMessage(packing: GoogleRpc.RetryInfo(retryDelay: delay)),
                ])
            let told = RPCError(.unavailable, "busy", details: status.encoded())
            return NeighbourFailure(told, from: .mcpEngine, method: "ProcessMessage").handlerError
        }
        #expect(
            error(GoogleProtobuf.Duration(seconds: 2, nanos: 500_000_000)).retryAfter
                == .milliseconds(2_500))
        #expect(error(GoogleProtobuf.Duration(seconds: -1)).retryAfter == nil)
        #expect(error(nil).retryAfter == nil)
        let broken = RPCError(.unavailable, "busy", details: [0xFF])
        #expect(
            NeighbourFailure(broken, from: .mcpEngine, method: "x").handlerError.retryAfter == nil)
    }
}
