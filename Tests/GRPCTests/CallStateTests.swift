import HTTP2
import Testing

@testable import GRPC

@Suite struct ServerCallStateTests {
    @Test func `a unary handler starts once its whole request is here`() {
        var state = ServerCallState(.unary)
        #expect(state.headersReceived() == .none)
        #expect(state.received(FramedMessage([1])) == .none)
        #expect(state.requestEnded(midMessage: false) == .startHandler)
        #expect(state.pull() == .message([1]))
        #expect(state.pull() == .end)
        #expect(state.send() == .headersAndMessage)
        #expect(state.returned() == nil)
        #expect(state.finish() == .trailers)
        #expect(state.finish() == .nothing)
    }

    @Test func `a streaming handler starts with the headers`() {
        var state = ServerCallState(.bidirectionalStreaming)
        #expect(state.headersReceived() == .startHandler)
        #expect(state.pull() == .wait)
        #expect(state.received(FramedMessage([1])) == .wakeReader)
        #expect(state.pull() == .message([1]))
        #expect(state.requestEnded(midMessage: false) == .wakeReader)
        #expect(state.pull() == .end)
        #expect(state.finish() == .trailersOnly)
    }

    @Test func `a unary request without a message, or with two, is UNIMPLEMENTED`() {
        var none = ServerCallState(.unary)
        _ = none.headersReceived()
        #expect(code(none.requestEnded(midMessage: false)) == .unimplemented)
        var two = ServerCallState(.serverStreaming)
        _ = two.headersReceived()
        #expect(two.received(FramedMessage([1])) == .none)
        #expect(code(two.received(FramedMessage([2]))) == .unimplemented)
    }

    @Test func `a unary request is refused with the first byte of a second message`() {
        for kind in [RPCKind.unary, .serverStreaming] {
            var state = ServerCallState(kind)
            _ = state.headersReceived()
            #expect(state.messageBegan() == .none)
            _ = state.received(FramedMessage([1]))
            #expect(code(state.messageBegan()) == .unimplemented)
        }
        var streaming = ServerCallState(.clientStreaming)
        _ = streaming.headersReceived()
        _ = streaming.received(FramedMessage([1]))
        #expect(streaming.messageBegan() == .none)
    }

    @Test func `a request that ends within a message is INTERNAL`() {
        var state = ServerCallState(.clientStreaming)
        _ = state.headersReceived()
        #expect(code(state.requestEnded(midMessage: true)) == .internalError)
    }

    @Test func `a unary handler answers exactly once`() {
        var state = ServerCallState(.unary)
        #expect(state.returned()?.code == .internalError)
        #expect(state.send() == .headersAndMessage)
        guard case .refuse(let error) = state.send() else { return #expect(Bool(false)) }
        #expect(error.code == .internalError)
    }

    @Test func `the first reason to give up is the one that counts`() {
        var state = ServerCallState(.bidirectionalStreaming)
        _ = state.headersReceived()
        _ = state.received(FramedMessage([1]))
        let deadline = RPCError(.deadlineExceeded, "late")
        let (first, second) = (state.giveUp(deadline), state.giveUp(RPCError(.cancelled, "reset")))
        #expect(first && !second)
        #expect(state.pull() == .fail(deadline))
        #expect(state.send() == .refuse(deadline))
        #expect(state.received(FramedMessage([2])) == .none)
        #expect(state.finish() == .trailersOnly)
    }

    @Test func `after the end nothing matters any more`() {
        var state = ServerCallState(.unary)
        _ = state.finish()
        let changed = state.giveUp(RPCError(.cancelled, ""))
        #expect(!changed)
        #expect(state.received(FramedMessage([1])) == .none)
        #expect(state.requestEnded(midMessage: false) == .none)
    }

    private func code(_ action: ServerCallState.RequestAction) -> RPCStatusCode? {
        if case .fail(let error) = action { error.code } else { nil }
    }
}

@Suite struct ClientCallStateTests {
    @Test func `messages before the status are read before it`() {
        var state = ClientCallState()
        #expect(state.received(head([(":status", "200"), grpc, ("x-a", "1")])) == .none)
        #expect(state.initialMetadata?.first("x-a") == "1")
        state.received(FramedMessage([1]))
        _ = state.received(head([("grpc-status", "5"), ("grpc-message", "n%C3%B6")]))
        state.receivedEnd(midMessage: false)
        #expect(state.pull() == .message([1]))
        guard case .fail(let error) = state.pull() else { return #expect(Bool(false)) }
        #expect(error.code == .notFound)
        #expect(error.message == "nö")
    }

    @Test func `trailers only is a status without messages`() {
        var state = ClientCallState()
        _ = state.received(head([(":status", "200"), grpc, ("grpc-status", "0"), ("x", "y")]))
        state.receivedEnd(midMessage: false)
        #expect(state.pull() == .end)
        #expect(state.trailingMetadata.first("x") == "y")
    }

    @Test func `an informational answer is passed over`() {
        var state = ClientCallState()
        #expect(state.received(head([(":status", "103")])) == .none)
        #expect(state.initialMetadata == nil)
        #expect(state.pull() == .wait)
    }

    @Test func `HTTP's own status is translated`() {
        for (status, code) in [
            ("404", RPCStatusCode.unimplemented), ("503", .unavailable), ("401", .unauthenticated),
            ("418", .unknown),
        ] {
            var state = ClientCallState()
            #expect(state.received(head([(":status", status)])) == .cancelStream)
            guard case .fail(let error) = state.pull() else { return #expect(Bool(false)) }
            #expect(error.code == code)
        }
    }

    @Test func `a status of gRPC's own counts before HTTP's`() {
        var state = ClientCallState()
        #expect(
            state.received(head([(":status", "503"), grpc, ("grpc-status", "5")])) == .none)
        state.receivedEnd(midMessage: false)
        guard case .fail(let error) = state.pull() else { return #expect(Bool(false)) }
        #expect(error.code == .notFound)
    }

    @Test func `an end without a status is an error`() {
        var state = ClientCallState()
        _ = state.received(head([(":status", "200"), grpc]))
        state.receivedEnd(midMessage: false)
        #expect(
            state.end
                == .failed(RPCError(.internalError, "the server ended the call without a status")))
    }

    @Test func `a lost connection is UNAVAILABLE, a reset says why`() {
        for (code, status) in [
            (HTTP2ErrorCode.connectionLost, RPCStatusCode.unavailable),
            (.refusedStream, .unavailable), (.cancel, .cancelled),
            (.enhanceYourCalm, .resourceExhausted), (.internalError, .internalError),
        ] {
            var state = ClientCallState()
            state.closed(code)
            guard case .failed(let error) = state.end else { return #expect(Bool(false)) }
            #expect(error.code == status)
        }
    }

    private let grpc = ("content-type", "application/grpc")

    private func head(_ fields: [(String, String)]) -> ResponseHead {
        var head = ResponseHead()
        for (name, value) in fields {
            let (name, value) = (Array(name.utf8), Array(value.utf8))
            head.receive(name.span, value.span)
        }
        return head
    }
}

@Suite struct BackOffTests {
    @Test func `waits grow to the most, spread by a fifth`() {
        var backOff = BackOff(first: .milliseconds(100), most: .seconds(1))
        #expect(backOff.next(spread: 0) == .milliseconds(100))
        #expect(backOff.next(spread: 0) == .milliseconds(160))
        for _ in 0..<100 { _ = backOff.next(spread: 0) }
        #expect(backOff.next(spread: 1) == .milliseconds(1_200))
        #expect(backOff.next(spread: -1) == .milliseconds(800))
        backOff.reset()
        #expect(backOff.next(spread: 0) == .milliseconds(100))
    }
}
