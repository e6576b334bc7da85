import HTTP2
import IO

/// One call of a channel: performs what its states decide, over as many attempts as it takes. On the
/// loop's thread alone.
///
/// Until its answer begins the call keeps what it sent, so that it can be made again (gRFC A6).
final class OutgoingCall {
    let method: RPCMethod
    let options: CallOptions
    let deadline: ContinuousClock.Instant?
    private let core: ChannelCore
    /// 0 before the channel knows it.
    var id: UInt64 = 0
    /// Where it stands among those that wait for a connection.
    var waitingPlace: Int?
    private var state = ClientCallState()
    private var retry = RetryState()
    private var kept = ReplayBuffer()
    private var stream: ClientStream?
    private var responseEncoding = CompressionAlgorithm.identity
    private var isSendingEnded = false
    private var deadlineTimer: IOTimer?
    /// Until the next attempt.
    private var pause: IOTimer?
    /// Nil until no further attempt can change it.
    private var end: ClientCallState.End?
    private var reader: Waiter<[UInt8]?>?
    private var headersReaders: [Waiter<Metadata>] = []
    private var senders: [Waiter<Void>] = []

    init(_ method: RPCMethod, _ options: CallOptions, _ core: ChannelCore) {
        self.method = method
        self.options = options
        self.core = core
        deadline = options.timeout.map { .now + $0 }
    }

    func startDeadline() {
        guard let timeout = options.timeout else { return }
        deadlineTimer = core.loop.schedule(after: timeout) { [unowned self] in
            let reason = core.reasonToWait(self).map { ", waiting: \($0.message)" } ?? ""
            giveUp(RPCError(.deadlineExceeded, "deadline exceeded\(reason)"))
        }
    }

    // MARK: Attempts

    /// Makes an attempt on that connection.
    func start(on connection: ClientConnection, _ session: HTTP2Session) throws(HTTP2Error) {
        let stream = ClientStream(
            self, connection, maxMessageBytes: core.configuration.maxMessageBytes)
        try session.request(stream, core.fixed, requestFields(), end: false)
        self.stream = stream
        kept.visit { stream.send($0) }
        if isSendingEnded { stream.end() }
        if !canKeep { commit() }
        sent(bytesLeft: stream.unsentBytes)
    }

    /// The request's fields, with what is left of the time.
    private func requestFields() -> HeaderFields {
        var fields = HeaderFields()
        fields.reserve(320)
        fields.append(":path", method.path)
        fields.append(contentsOf: core.common)
        if let deadline {
            let left = max(.zero, ContinuousClock.now.duration(to: deadline))
            fields.append("grpc-timeout", CallTimeout.encode(left))
        }
        if options.compression != .identity {
            fields.append("grpc-encoding", options.compression.name)
        }
        if retry.repeats > 0 {
            fields.append("grpc-previous-rpc-attempts", String(retry.repeats))
        }
        fields.append(contentsOf: options.metadata.fields)
        return fields
    }

    /// No connection is to be had.
    func failed(_ error: RPCError) {
        guard end == nil else { return }
        if !retries(error, reach: .server) { settle(.failed(error)) }
    }

    /// - Returns: Whether another attempt follows.
    private func retries(_ error: RPCError, reach: RetryState.Reach) -> Bool {
        let decision = retry.failed(
            error.code, reach: reach, pushback: state.pushback,
            policy: { core.retryPolicy(of: self) },
            tokens: &core.tokens)
        switch decision {
        case .giveUp: return false
        case .now:
            core.statistics.transparentRetries += 1
            goAgain()
        case .after(let wait):
            core.statistics.retries += 1
            letGoOfStream()
            pause = core.loop.schedule(after: wait) { [unowned self] in goAgain() }
        }
        return true
    }

    private func goAgain() {
        pause = nil
        letGoOfStream()
        core.route(self)
    }

    private func letGoOfStream() {
        state = ClientCallState()
        stream?.abandon()
        stream = nil
    }

    private var canKeep: Bool {
        kept.bytes <= core.configuration.maxReplayBytes
            && core.replayBytes <= core.configuration.maxChannelReplayBytes
    }

    /// What happens on the stream from now on is final.
    private func commit() {
        guard !retry.isCommitted else { return }
        retry.commit()
        core.replayBytes -= kept.bytes
        kept.removeAll()
    }

    // MARK: From the attempt

    func received(_ head: ResponseHead, tooLarge: Bool) {
        guard end == nil else { return }
        if tooLarge {
            giveUp(RPCError(.resourceExhausted, "response headers are too large"))
            return
        }
        if let encoding = head.encoding, encoding != .identity { responseEncoding = encoding }
        if case .cancelStream = state.received(head) { stream?.end(early: .cancel) }
        if state.hasBegun { commit() }
        settleWithState(reach: .server)
        resumeReaders()
    }

    func received(_ message: FramedMessage) {
        state.received(message)
    }

    func receivedData() {
        resumeReaders()
    }

    func receivedEnd(midMessage: Bool) {
        state.receivedEnd(midMessage: midMessage)
        // The server needs no more of our messages.
        if !isSendingEnded { stream?.end(early: .noError) }
        settleWithState(reach: .server)
    }

    func closed(_ code: HTTP2ErrorCode, reach: RetryState.Reach, on connection: ClientConnection) {
        stream = nil
        let reason = connection.closeReason.map { ": \($0)" } ?? ""
        state.closed(code, lost: "connection to \(connection.address) lost\(reason)")
        settleWithState(reach: reach)
    }

    private func settleWithState(reach: RetryState.Reach) {
        guard end == nil, let outcome = state.end else { return }
        if case .failed(let error) = outcome, retries(error, reach: reach) { return }
        settle(outcome)
    }

    /// The call is over.
    private func settle(_ outcome: ClientCallState.End) {
        end = outcome
        commit()
        if case .ok = outcome { core.tokens.succeeded() }
        if case .failed(let error) = outcome { _ = state.giveUp(error) }
        deadlineTimer?.cancel()
        deadlineTimer = nil
        pause?.cancel()
        pause = nil
        core.forgetWaiting(self)
        resumeReaders()
        releaseSenders()
    }

    /// Deadline, cancellation, a message that can't be read, or the channel is closed: what arrived
    /// and wasn't read is dropped.
    func giveUp(_ error: RPCError) {
        guard end == nil else { return }
        _ = state.giveUp(error)
        let stream = stream
        self.stream = nil
        settle(.failed(error))
        stream?.abandon()
    }

    // MARK: From the caller

    /// What arrives is all there is, or nobody will read it.
    var needsWindow: Bool { state.isDrained || end != nil }
    var initialMetadata: Metadata? { state.initialMetadata }
    var trailingMetadata: Metadata { state.trailingMetadata }

    func pull() -> ClientCallState.Pull {
        let pull = state.pull()
        guard case .message(let message) = pull else { return pull }
        stream?.giveWindowBack(pulled: message.count + 5)
        return state.pulledIsCompressed ? unpack(message) : pull
    }

    var responseWasCompressed: Bool { state.pulledIsCompressed }

    private func unpack(_ message: [UInt8]) -> ClientCallState.Pull {
        do throws(RPCError) {
            return .message(
                try responseEncoding.unpack(
                    message, maxMessageBytes: core.configuration.maxMessageBytes))
        } catch {
            giveUp(error)
            return .fail(error)
        }
    }

    func popMessage() -> [UInt8]? {
        guard !state.isDrained, case .message(let message) = pull() else { return nil }
        return message
    }

    /// A call that has ended with OK needs no more messages: that is no error of who sends them, and
    /// whoever reads hears of the end.
    ///
    /// - Returns: Whether to wait for room before the next one.
    /// - Throws: The call's own status when it has ended with another one.
    func queue(_ message: [UInt8], compressed: Bool = true) throws(RPCError) -> Bool {
        switch end {
        case .failed(let error): throw error
        case .ok: return false
        case nil: break
        }
        guard !isSendingEnded else {
            throw RPCError(.internalError, "a message after the last one")
        }
        let framed = compressed ? options.compression.pack(message) : FramedMessage(message)
        stream?.send(framed)
        if !retry.isCommitted {
            kept.append(framed)
            core.replayBytes += framed.bytes.count
            if stream != nil && !canKeep { commit() }
        }
        return unsentBytes > core.configuration.maxUnsentBytes
    }

    private var unsentBytes: Int { stream?.unsentBytes ?? kept.bytes }

    func finishSending() {
        isSendingEnded = true
        stream?.end()
    }

    func sent(bytesLeft: Int) {
        guard !senders.isEmpty, bytesLeft <= core.configuration.maxUnsentBytes / 2 else { return }
        let senders = senders
        self.senders = []
        for sender in senders { sender.continuation.resume() }
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
        if end != nil { releaseSenders() } else { sent(bytesLeft: unsentBytes) }
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

    /// The call has ended. Who waits has queued a message: that the server needed no more of it to
    /// answer OK is no error of theirs.
    private func releaseSenders() {
        let senders = senders
        self.senders = []
        for sender in senders {
            if case .failed(let error) = end {
                sender.continuation.resume(throwing: error)
            } else {
                sender.continuation.resume()
            }
        }
    }

    private func resumeReaders() {
        if !headersReaders.isEmpty, let metadata = initialMetadata {
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
}
