/// What happens to one call on the server, as decisions: it does nothing itself.
///
/// Requests: `waiting` for the one message of a unary request, or open until the peer's end.
/// Responses: none → headers sent → finished. Whichever of handler, deadline, reset and peer's end
/// comes first decides; what comes later changes nothing.
struct ServerCallState {
    enum RequestAction: Equatable {
        case none
        case startHandler
        /// The handler's pull is answered now: pull again on its behalf.
        case wakeReader
        /// The call ends with this status, the handler never started or is cancelled.
        case fail(RPCError)
    }

    enum Pull: Equatable {
        case message([UInt8])
        case end
        case wait
        case fail(RPCError)
    }

    enum Send: Equatable {
        case headersAndMessage
        case message
        case refuse(RPCError)
    }

    enum Finish: Equatable {
        case trailersOnly
        case trailers
        case nothing
    }

    private enum Response { case none, headersSent, finished }

    private let kind: RPCKind
    private var response = Response.none
    private var requests = MessageQueue()
    private var messageCount = 0
    private var requestsEnded = false
    private var responseCount = 0
    private var handlerStarted = false
    /// The request that was pulled last is compressed.
    private(set) var pulledIsCompressed = false
    /// Why the call was given up.
    private(set) var failure: RPCError?

    init(_ kind: RPCKind) {
        self.kind = kind
    }

    var isFinished: Bool { response == .finished }
    /// The response's headers are still to be sent.
    var isUnanswered: Bool { response == .none }
    /// Nothing that arrived waits for the handler.
    var isDrained: Bool { requests.isEmpty }
    var requestsStream: Bool { kind.requestsStream }
    /// Memory of what waits for the handler. A unary request is the handler's once that has started.
    var waitingBytes: Int { handlerStarted && !requestsStream ? 0 : requests.heldBytes }

    // MARK: From the peer

    /// The headers are complete: streams of requests start their handler at once, so that it can
    /// answer before they end.
    mutating func headersReceived() -> RequestAction {
        guard kind.requestsStream else { return .none }
        handlerStarted = true
        return .startHandler
    }

    mutating func received(_ message: FramedMessage) -> RequestAction {
        guard !isFinished, failure == nil else { return .none }
        messageCount += 1
        if !kind.requestsStream && messageCount > 1 {
            return .fail(RPCError(.unimplemented, "more than one request message"))
        }
        requests.append(message)
        return handlerStarted ? .wakeReader : .none
    }

    /// Part of another message is here. A second one of a unary request is refused before it is
    /// whole: the first holds the window until the handler starts, so it might never be.
    func messageBegan() -> RequestAction {
        guard !kind.requestsStream, messageCount > 0, !isFinished, failure == nil else {
            return .none
        }
        return .fail(RPCError(.unimplemented, "more than one request message"))
    }

    mutating func requestEnded(midMessage: Bool) -> RequestAction {
        guard !requestsEnded, !isFinished, failure == nil else { return .none }
        requestsEnded = true
        if midMessage {
            return .fail(RPCError(.internalError, "the request ended within a message"))
        }
        if kind.requestsStream { return .wakeReader }
        guard messageCount == 1 else {
            return .fail(RPCError(.unimplemented, "no request message"))
        }
        handlerStarted = true
        return .startHandler
    }

    // MARK: From the handler

    mutating func pull() -> Pull {
        if let failure { return .fail(failure) }
        if let message = requests.popFirst() {
            pulledIsCompressed = message.isCompressed
            return .message(message.bytes)
        }
        return requestsEnded ? .end : .wait
    }

    /// The handler sends headers without a message.
    mutating func sendHeaders() -> Bool {
        guard response == .none, failure == nil else { return false }
        response = .headersSent
        return true
    }

    mutating func send() -> Send {
        if let failure { return .refuse(failure) }
        responseCount += 1
        if !kind.responsesStream && responseCount > 1 {
            return .refuse(RPCError(.internalError, "more than one response message"))
        }
        switch response {
        case .none:
            response = .headersSent
            return .headersAndMessage
        case .headersSent: return .message
        case .finished: return .refuse(RPCError(.cancelled, "the call has ended"))
        }
    }

    /// The handler returned: whether what it sent fits the method.
    func returned() -> RPCError? {
        guard !kind.responsesStream, responseCount == 0 else { return nil }
        return RPCError(.internalError, "no response message")
    }

    // MARK: The end

    mutating func finish() -> Finish {
        defer { response = .finished }
        requests.removeAll()
        switch response {
        case .none: return .trailersOnly
        case .headersSent: return .trailers
        case .finished: return .nothing
        }
    }

    /// Deadline, reset or lost connection.
    ///
    /// - Returns: Whether that changes anything.
    mutating func giveUp(_ reason: RPCError) -> Bool {
        guard failure == nil, !isFinished else { return false }
        failure = reason
        requests.removeAll()
        return true
    }
}
