import EventProtos
import Events
import GRPC
import Protobuf
import Testing

@testable import EventService

@Suite struct StatusMappingTests {
    @Test func `a wrong field is named in a BadRequest`() throws {
        let error = RPCError(EventsError.invalid("events[3].subject", "is too long"))
        #expect(error.code == .invalidArgument)
        let detail = try #require(try detail(error).unpack(as: GoogleRpc.BadRequest.self))
        #expect(detail.fieldViolations.map(\.field) == ["events[3].subject"])
        #expect(detail.fieldViolations.map(\.description) == ["is too long"])
    }

    @Test func `a lost history says where the log begins and ends`() throws {
        let bounds = LogBounds(
            earliest: Position(5), head: Position(9),
            epochs: [LogEpoch(id: 1, openedAfter: Position(0))])
        let error = RPCError(EventsError.logDiverged(bounds))
        #expect(error.code == .outOfRange)
        let detail = try #require(try detail(error).unpack(as: GoogleRpc.ErrorInfo.self))
        #expect(detail.reason == "LOG_DIVERGED")
        #expect(detail.metadata == ["earliest_position": "5", "head_position": "9"])
    }

    @Test func `a failed precondition is never ABORTED, and tells the real position`() throws {
        let error = RPCError(
            EventsError.subjectMoved("lead/1", expected: Position(3), actual: Position(7)))
        #expect(error.code == .failedPrecondition)
        let detail = try #require(try detail(error).unpack(as: GoogleRpc.PreconditionFailure.self))
        #expect(detail.violations.map(\.subject) == ["lead/1"])
        #expect(detail.violations.first?.description.contains("7") == true)
    }

    @Test func `overload says when to come again`() throws {
        let error = RPCError(EventsError.overloaded(retryAfter: .milliseconds(1500)))
        #expect(error.code == .resourceExhausted)
        let details = try GoogleRpc.Status(decoding: error.details).details
        let retry = try #require(details.first { $0.messageName == "google.rpc.RetryInfo" })
        let delay = try #require(try retry.unpack(as: GoogleRpc.RetryInfo.self)).retryDelay
        #expect(delay == GoogleProtobuf.Duration(seconds: 1, nanos: 500_000_000))
    }

    @Test func `each code of the rules has a status of its own`() {
        let codes = EventsError.Code.allCases.map(\.statusCode)
        #expect(Set(codes).count == codes.count)
        #expect(!codes.contains(.aborted))
    }

    private func detail(_ error: RPCError) throws -> GoogleProtobuf.AnyMessage {
        let status = try GoogleRpc.Status(decoding: error.details)
        #expect(status.code == Int32(error.code.rawValue))
        #expect(status.message == error.message)
        return try #require(status.details.first)
    }
}
