import HTTP2
import IO

/// One call of a channel: performs what the call's state decides. On the loop's thread alone.
final class ClientStream: HTTP2Stream {
    let call: UInt64
    let method: RPCMethod
    let options: CallOptions
    let deadline: ContinuousClock.Instant?
    private let configuration: ClientConfiguration
    private var state = ClientCallState()
    private var head = ResponseHead()
    private var deframer: MessageDeframer
    private var responseEncoding = CompressionAlgorithm.identity
    private var timer: IOTimer?
    private var isSendingEnded = false
    private var reader: Waiter<[UInt8]?>?
    private var headersReaders: [Waiter<Metadata>] = []
    private var senders: [Waiter<Void>] = []
    /// Set while the channel has the call; told once, when it has ended.
    var whenEnded: ((UInt64) -> Void)?

    init(
        call: UInt64, _ method: RPCMethod, _ options: CallOptions,
        _ configuration: ClientConfiguration
    ) {
        self.call = call
        self.method = method
        self.options = options
        self.configuration = configuration
        deadline = options.timeout.map { .now + $0 }
        deframer = MessageDeframer(maxMessageBytes: configuration.maxMessageBytes)
    }

    func startDeadline(on loop: IOLoop) {
        guard let timeout = options.timeout else { return }
        timer = loop.schedule(after: timeout) { [unowned self] in
            giveUp(RPCError(.deadlineExceeded, "deadline exceeded"))
        }
    }

    /// The request's fields, with what is left of the time.
    func requestFields(common: HeaderFields) -> HeaderFields {
        var fields = HeaderFields()
        fields.reserve(256)
        fields.append(":path", method.path)
        fields.append(contentsOf: common)
        if let deadline {
            let left = max(.zero, ContinuousClock.now.duration(to: deadline))
            fields.append("grpc-timeout", CallTimeout.encode(left))
        }
        if options.compression != .identity {
            fields.append("grpc-encoding", options.compression.name)
        }
        fields.append(contentsOf: options.metadata.fields)
        return fields
    }

    // MARK: From the server

    override func received(header name: Span<UInt8>, _ value: Span<UInt8>) {
        head.receive(name, value)
    }

    override func receivedHeaders(trailers: Bool) {
        let head = head
        self.head = ResponseHead()
        if let encoding = head.encoding, encoding != .identity {
            responseEncoding = encoding
            deframer.allowsCompression = true
        }
        let action =
            headersTooLarge
            ? abandon(RPCError(.resourceExhausted, "response headers are too large"))
            : state.received(head)
        if case .cancelStream = action { reset(.cancel) }
        resumeReaders()
    }

    private func abandon(_ error: RPCError) -> ClientCallState.HeadersAction {
        state.giveUp(error) ? .cancelStream : .none
    }

    override func received(data: Span<UInt8>) {
        do throws(MessageDeframer.Failure) {
            try deframer.read(data) { state.received($0) }
        } catch {
            giveUp(error.rpcError)
        }
        resumeReaders()
        giveWindowBack()
    }

    override func receivedEnd() {
        state.receivedEnd(midMessage: deframer.isMidMessage)
        // The server needs no more of our messages.
        if !isSendingEnded { reset(.noError) }
        ended()
    }

    override func closed(_ code: HTTP2ErrorCode) {
        state.closed(code)
        ended()
    }

    private func giveWindowBack(pulled: Int = 0) {
        if state.isDrained || state.end != nil {
            consume(unconsumed)
        } else if pulled > 0 {
            consume(min(unconsumed, pulled))
        }
    }

    /// Deadline, cancellation, or the channel is closed.
    func giveUp(_ error: RPCError) {
        guard state.giveUp(error) else { return }
        dropUnsent()
        reset(.cancel)
        ended()
    }

    private func ended() {
        timer?.cancel()
        timer = nil
        resumeReaders()
        refuseSenders()
        guard let whenEnded = whenEnded.take() else { return }
        whenEnded(call)
    }

    private func refuseSenders() {
        let senders = senders
        self.senders = []
        for sender in senders { sender.continuation.resume(throwing: sendError) }
    }

    private func resumeReaders() {
        if let metadata = state.initialMetadata, !headersReaders.isEmpty {
            let readers = headersReaders
            headersReaders = []
            for reader in readers { reader.continuation.resume(returning: metadata) }
        }
        guard reader != nil else { return }
        switch pull() {
        case .wait: break
        case .message(let message): reader.take()?.continuation.resume(returning: message)
        case .end: reader.take()?.continuation.resume(returning: nil)
        case .fail(let error): reader.take()?.continuation.resume(throwing: error)
        }
    }

    // MARK: From the caller

    var initialMetadata: Metadata? { state.initialMetadata }
    var trailingMetadata: Metadata { state.trailingMetadata }
    var isEnded: Bool { state.end != nil }

    func pull() -> ClientCallState.Pull {
        let pull = state.pull()
        guard case .message(let message) = pull else { return pull }
        giveWindowBack(pulled: message.count + 5)
        return state.pulledIsCompressed ? unpack(message) : pull
    }

    var responseWasCompressed: Bool { state.pulledIsCompressed }

    private func unpack(_ message: [UInt8]) -> ClientCallState.Pull {
        do throws(RPCError) {
            return .message(
                try responseEncoding.unpack(
                    message, maxMessageBytes: configuration.maxMessageBytes))
        } catch {
            giveUp(error)
            return .fail(error)
        }
    }

    func popMessage() -> [UInt8]? {
        guard !state.isDrained, case .message(let message) = pull() else { return nil }
        return message
    }

    // Each answers at once when there is something to answer with.

    func park(reader waiter: Waiter<[UInt8]?>) {
        guard reader == nil else {
            waiter.continuation.resume(
                throwing: RPCError(.internalError, "two tasks read one call's responses"))
            return
        }
        reader = waiter
        resumeReaders()
    }

    func park(sender waiter: Waiter<Void>) {
        senders.append(waiter)
        if isEnded { refuseSenders() } else { sent(bytesLeft: unsentBytes) }
    }

    func park(headersReader waiter: Waiter<Metadata>) {
        headersReaders.append(waiter)
        resumeReaders()
    }

    /// A task that waits was cancelled, not the call.
    func cancelWaiter(_ token: UInt64) {
        if reader?.token == token {
            reader.take()?.continuation.resume(throwing: CancellationError())
        } else if let index = senders.firstIndex(where: { $0.token == token }) {
            senders.remove(at: index).continuation.resume(throwing: CancellationError())
        } else if let index = headersReaders.firstIndex(where: { $0.token == token }) {
            headersReaders.remove(at: index).continuation.resume(throwing: CancellationError())
        }
    }

    /// - Returns: Whether to wait for room before the next one.
    /// - Throws: The call's own status when it has ended with one.
    func queue(_ message: [UInt8], compressed: Bool = true) throws(RPCError) -> Bool {
        if isEnded { throw sendError }
        guard !isSendingEnded else {
            throw RPCError(.internalError, "a message after the last one")
        }
        let framed = compressed ? options.compression.pack(message) : FramedMessage(message)
        send(framed.bytes, head: framed.head)
        return unsentBytes > configuration.maxUnsentBytes
    }

    func finishSending() {
        isSendingEnded = true
        end()
    }

    private var sendError: RPCError {
        if case .failed(let error) = state.end { return error }
        return RPCError(.cancelled, "the server has ended the call")
    }

    override func sent(bytesLeft: Int) {
        guard !senders.isEmpty, bytesLeft <= configuration.maxUnsentBytes / 2 else { return }
        let senders = senders
        self.senders = []
        for sender in senders { sender.continuation.resume() }
    }
}
