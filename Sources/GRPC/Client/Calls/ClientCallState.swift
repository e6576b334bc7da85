import HTTP2

/// What happens to one call on the client, as decisions: it does nothing itself.
///
/// Headers → messages → status. What came before the end is still read after it; the first end that
/// is known (status, deadline, lost connection, our own cancellation) is the call's.
struct ClientCallState {
    enum Pull: Equatable {
        case message([UInt8])
        /// The status was OK.
        case end
        case wait
        case fail(RPCError)
    }

    enum HeadersAction: Equatable {
        case none
        /// The answer isn't gRPC or can't be read: cancel the stream.
        case cancelStream
    }

    private var messages = MessageQueue()
    private var trailers: ResponseHead?
    /// Nil until it is known what came before the messages.
    private(set) var initialMetadata: Metadata?
    /// The server has begun to answer, with more than a status.
    private(set) var hasBegun = false
    private(set) var trailingMetadata = Metadata()
    /// The response that was pulled last is compressed.
    private(set) var pulledIsCompressed = false
    private(set) var end: End?

    enum End: Equatable {
        case ok
        case failed(RPCError)
    }

    var isDrained: Bool { messages.isEmpty }

    mutating func received(_ head: ResponseHead) -> HeadersAction {
        guard end == nil else { return .none }
        guard let httpStatus = head.httpStatus else {
            trailers = head
            return .none
        }
        // 1xx announces nothing that gRPC knows.
        guard httpStatus >= 200 else { return .none }
        // gRPC's own status, where there is one, counts before HTTP's.
        if head.status == nil, httpStatus != 200 || !head.isGRPC {
            let code = StatusHeaders.code(httpStatus: httpStatus)
            finish(.failed(RPCError(code, "not a gRPC answer: HTTP status \(httpStatus)")))
            return .cancelStream
        }
        if head.encoding == nil {
            finish(.failed(RPCError(.internalError, "the answer's grpc-encoding is not supported")))
            return .cancelStream
        }
        if head.status != nil {
            // Trailers-Only.
            trailers = head
        } else {
            hasBegun = true
            initialMetadata = head.metadata
        }
        return .none
    }

    mutating func received(_ message: FramedMessage) {
        guard end == nil else { return }
        messages.append(message)
    }

    /// The server has ended the stream.
    mutating func receivedEnd(midMessage: Bool) {
        guard end == nil else { return }
        guard let trailers, let status = trailers.status else {
            finish(.failed(RPCError(.internalError, "the server ended the call without a status")))
            return
        }
        trailingMetadata = trailers.metadata
        if let error = trailers.error(status) {
            finish(.failed(error))
        } else if midMessage {
            finish(.failed(RPCError(.internalError, "the answer ended within a message")))
        } else {
            finish(.ok)
        }
    }

    /// The stream is gone.
    ///
    /// - Parameter lost: What a person is told when the connection is.
    mutating func closed(_ code: HTTP2ErrorCode, lost: String = "connection lost") {
        finish(
            .failed(
                code == .connectionLost
                    ? RPCError(.unavailable, lost) : StatusHeaders.error(code)))
    }

    /// What the server says of making the call again.
    var pushback: RetryState.Pushback? { trailers?.pushback }

    /// Deadline, or our side gave up: what arrived and wasn't read is dropped.
    ///
    /// - Returns: Whether that ended the call.
    mutating func giveUp(_ error: RPCError) -> Bool {
        guard end == nil else { return false }
        messages.removeAll()
        finish(.failed(error))
        return true
    }

    private mutating func finish(_ end: End) {
        if self.end == nil { self.end = end }
        if initialMetadata == nil { initialMetadata = Metadata() }
    }

    mutating func pull() -> Pull {
        if let message = messages.popFirst() {
            pulledIsCompressed = message.isCompressed
            return .message(message.bytes)
        }
        switch end {
        case .ok: return .end
        case .failed(let error): return .fail(error)
        case nil: return .wait
        }
    }
}
