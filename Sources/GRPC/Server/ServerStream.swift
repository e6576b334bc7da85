import HTTP2
import IO
import Synchronization
import Telemetry

/// One request stream of a connection: performs what the call's state decides. On the loop's
/// thread alone.
final class ServerStream: HTTP2Stream {
    let connection: ServerConnection
    private let peerIdentity: PeerIdentity?
    let core: ServerCore
    // Of connection and core, held for themselves: what is two references away is retained at each use.
    let gate: CallGate
    private let router: Router
    private var head = RequestHead()
    private var route: Route?
    private var state: ServerCallState?
    private var deframer: MessageDeframer
    private var task: Task<Void, Never>?
    private var deadline: IOTimer?
    private var trailing = Metadata()
    private var initial = Metadata()
    /// Whoever waits for a request, and for room to send: taken, then resumed.
    private var reader: Waiter<[UInt8]?>?
    private var senders: [Waiter<Void>] = []

    private(set) var encodings = ServerEncodings()

    private static let ended = RPCError(.cancelled, "the call has ended")

    init(_ connection: ServerConnection, _ core: ServerCore, _ peerIdentity: PeerIdentity?) {
        self.connection = connection
        self.peerIdentity = peerIdentity
        self.core = core
        gate = connection.gate
        router = core.router
        books = CallBooks(gate.books)
        deframer = MessageDeframer(maxMessageBytes: core.configuration.maxMessageBytes)
    }

    // MARK: From the peer

    override func received(header name: Span<UInt8>, _ value: Span<UInt8>) {
        // Trailers of a request mean nothing in gRPC.
        guard state == nil && !isAnswered else { return }
        head.receive(name, value, router)
    }

    private var isAnswered = false

    override func receivedHeaders(trailers: Bool) {
        guard !trailers, !isAnswered else { return }
        encodings.received(head)
        switch head.verdict(
            headersTooLarge: headersTooLarge, router: router, peer: connection.peer)
        {
        case .call(let route):
            if let refusal = gate.refusalOfCall() { return refuse(refusal, route) }
            self.route = route
            isPaced = route.handler.method.kind.responsesStream
            deframer.allowsCompression = encodings.request != .identity
            state = ServerCallState(route.handler.method.kind)
            if let timeout = head.timeout { startDeadline(timeout) }
            if let action = state?.headersReceived() { perform(action) }
        case .refuse(let error): refuse(error, head.route)
        case .plain(let response):
            isAnswered = true
            hearsOut = true
            respond(response.headers, response.fields, end: response.body.isEmpty)
            if !response.body.isEmpty {
                send(response.body, head: ChunkHead())
                end()
            }
        }
    }

    private func refuse(_ error: RPCError, _ route: Route?) {
        isAnswered = true
        (route?.refusals ?? router.unknown).refused(error.code)
        respond(encodings.headers, StatusHeaders.encode(error, trailing: Metadata()), end: true)
    }

    override func received(data: Span<UInt8>) {
        guard state != nil, !isDone else {
            consume(unconsumed)
            if hearsOut { receivedUnwanted(data.count) }
            return
        }
        do throws(MessageDeframer.Failure) {
            try deframer.read(data) { message in
                if let action = state?.received(message) { perform(action) }
            }
            if deframer.isMidMessage, let action = state?.messageBegan() { perform(action) }
        } catch {
            if case .tooLarge = error { gate.hit(.messageBytes) }
            perform(.fail(error.rpcError))
        }
        giveWindowBack()
        let isMore = books.setArriving(deframer.pendingBytes)
        // What has grown must find room, be it whole or not: nobody says when it will be let go.
        if countWaiting() || isMore, !isDone, let refusal = gate.refusalOfBytes() { fail(refusal) }
    }

    private var books: CallBooks

    /// - Returns: Whether more waits than before.
    @discardableResult
    private func countWaiting() -> Bool {
        books.setWaiting(state?.waitingBytes ?? 0, unconsumed: unconsumed)
    }

    /// The body of a request that was answered as plain HTTP: so much is listened to.
    private static let maxUnwantedBytes = 64 * 1_024
    private var unwantedBytes = 0

    private func receivedUnwanted(_ count: Int) {
        unwantedBytes += count
        if unwantedBytes > Self.maxUnwantedBytes { reset(.noError) }
    }

    private var progress = CallProgress()

    override func checkProgress() {
        let missesRequest =
            if let state {
                // While the handler of a stream has something to pull, it is the handler who holds it
                // back. Any other has yet to be started, by the end of its request.
                !isDone && (!state.requestsStream || state.isDrained && deframer.isMidMessage)
            } else {
                true
            }
        // A stream's last messages wait like those before: who is slow isn't dropped for their end.
        let awaitsRoom = unsentBytes > 0 && !isPaced && (isDone || state != nil)
        switch progress.look(
            minimum: core.configuration.http2.minProgressBytes,
            awaitsRequest: missesRequest && !remoteEnded, received: receivedBytes,
            awaitsRoom: awaitsRoom, sent: sentBytes)
        {
        case .fine: break
        case .slowRequest:
            gate.hit(.slowRequest)
            if state == nil { reset(.noError) }
            fail(RPCError(.deadlineExceeded, "the request didn't arrive in time"))
        case .slowResponse:
            gate.hit(.slowResponse)
            if isDone { reset(.enhanceYourCalm) }
            fail(RPCError(.resourceExhausted, "the response wasn't read in time"))
        }
    }

    override func receivedEnd() {
        guard let action = state?.requestEnded(midMessage: deframer.isMidMessage) else { return }
        perform(action)
    }

    /// Window comes back for what the handler has pulled, and for the message that is arriving when
    /// the handler has nothing else: it could never be complete otherwise.
    private func giveWindowBack(pulled: Int = 0) {
        if state?.isDrained ?? true {
            consume(unconsumed)
        } else if pulled > 0 {
            consume(min(unconsumed, pulled))
        }
    }

    private var isDone: Bool { state.map { $0.isFinished || $0.failure != nil } ?? isAnswered }

    private func perform(_ action: ServerCallState.RequestAction) {
        switch action {
        case .none: break
        case .startHandler: startHandler()
        case .wakeReader: answerReader()
        case .fail(let error): fail(error)
        }
    }

    private func startHandler() {
        guard let route else { return }
        let bytes = receivedBytes
        if let refusal = gate.startHandler(holding: bytes) { return fail(refusal) }
        countWaiting()
        let loop = connection.loop
        let call = ServerCall(
            connection: connection, stream: BoundStream(self, on: loop), route: route,
            metadata: Metadata(received: head.takeMetadata()), deadline: deadlineInstant,
            peerIdentity: peerIdentity)
        // The one place that starts a task: a call's. It runs on this loop, and its end is the
        // stream's end.
        task = Task(executorPreference: loop) { [core] in
            await core.run(call, holding: bytes)
        }
        loop.runNewestTask()
    }

    // MARK: Deadline, reset, lost connection

    private var deadlineInstant: MonotonicTime?

    private func startDeadline(_ timeout: Duration) {
        deadlineInstant = .now + timeout
        deadline = connection.loop.schedule(after: timeout) { [unowned self] in
            fail(RPCError(.deadlineExceeded, "deadline exceeded"))
        }
    }

    /// Ends the call with a status that isn't the handler's.
    ///
    /// One that the handler has ended already keeps its end, and what is still to be sent before it.
    func fail(_ error: RPCError) {
        if giveUp(error) { finish(error) }
    }

    @discardableResult
    private func giveUp(_ reason: RPCError) -> Bool {
        guard state?.giveUp(reason) == true else { return false }
        deadline?.cancel()
        dropUnpacking()
        resumeAll(throwing: reason)
        if task == nil { route?.refusals.refused(reason.code) }
        task?.cancel()
        task = nil
        return true
    }

    override func closed(_ code: HTTP2ErrorCode) {
        giveUp(
            code == .connectionLost
                ? RPCError(.cancelled, "connection lost") : RPCError(.cancelled, "cancelled"))
        deadline?.cancel()
        dropUnpacking()
        countWaiting()
        _ = books.setArriving(0)
        // The call ended well, but somebody may still wait on it: a child task of the handler.
        resumeAll(throwing: Self.ended)
        task = nil
    }

    private func resumeAll(throwing error: RPCError) {
        reader.take()?.continuation.resume(throwing: error)
        let senders = senders
        self.senders = []
        for sender in senders { sender.continuation.resume(throwing: error) }
    }

    // MARK: From the handler

    func pull() -> ServerCallState.Pull {
        if unpacking != nil { return pullUnpacked() }
        guard !isClosed, let pull = state?.pull() else { return .fail(Self.ended) }
        // Who asks for a stream's next request has done with the last.
        let streams = state?.requestsStream == true
        guard case .message(let message) = pull else {
            if streams { books.setGiven(0) }
            return pull
        }
        if streams { books.setGiven(message.count) }
        giveWindowBack(pulled: message.count + 5)
        countWaiting()
        return requestWasCompressed ? unpack(message) : pull
    }

    /// The request that was pulled last.
    var requestWasCompressed: Bool { state?.pulledIsCompressed ?? false }

    /// The request that was pulled last, while it isn't unpacked.
    var unpacking: Unpacking?

    /// The request that was pulled last is unpacked: the connection's books have what it grew by until
    /// the next one, or until the handler has returned.
    func count(unpacked bytes: Int, from packedBytes: Int) {
        let inBooks = state?.requestsStream == true ? 0 : packedBytes
        books.setGiven(max(0, bytes - inBooks))
    }

    /// Answers at once when there is something to answer with.
    func park(reader waiter: Waiter<[UInt8]?>) {
        guard reader == nil else {
            waiter.continuation.resume(
                throwing: RPCError(.internalError, "two tasks read one call's requests"))
            return
        }
        reader = waiter
        answerReader()
    }

    func park(sender waiter: Waiter<Void>) {
        senders.append(waiter)
        if isClosed {
            resumeAll(throwing: Self.ended)
        } else if let failure = state?.failure {
            resumeAll(throwing: failure)
        } else {
            sent(bytesLeft: unsentBytes)
        }
    }

    /// A task that waits was cancelled, not the call.
    func cancelWaiter(_ token: UInt64) {
        if reader?.token == token {
            reader.take()?.continuation.resume(throwing: CancellationError())
        } else if let index = senders.firstIndex(where: { $0.token == token }) {
            senders.remove(at: index).continuation.resume(throwing: CancellationError())
        }
    }

    func answerReader() {
        guard reader != nil else { return }
        switch pull() {
        case .wait: break
        case .message(let message): reader.take()?.continuation.resume(returning: message)
        case .end: reader.take()?.continuation.resume(returning: nil)
        case .fail(let error): reader.take()?.continuation.resume(throwing: error)
        }
    }

    /// - Returns: Whether to wait for room before the next one.
    func queue(_ message: [UInt8], compressed: Bool) throws(RPCError) -> Bool {
        guard !isClosed else { throw Self.ended }
        // Small ones wait in their handlers when there are many; a large one is here already.
        if message.count > core.configuration.maxUnsentBytes,
            let refusal = gate.refusalOfResponse(
                streams: route?.handler.method.kind.responsesStream ?? false)
        {
            throw refusal
        }
        switch state?.send() ?? .refuse(Self.ended) {
        case .refuse(let error): throw error
        case .headersAndMessage: respond(encodings.headers, initial.fields, end: false)
        case .message: break
        }
        let framed = compressed ? encodings.response.pack(message) : FramedMessage(message)
        send(framed.bytes, head: framed.head)
        return unsentBytes > gate.roomOfCall
    }

    override func sent(bytesLeft: Int) {
        guard !senders.isEmpty, bytesLeft <= gate.roomOfCall / 2 else { return }
        let senders = senders
        self.senders = []
        for sender in senders { sender.continuation.resume() }
    }

    /// - Parameter now: Send them even though there is no message yet.
    func setInitialMetadata(_ metadata: Metadata, now: Bool) {
        guard !isClosed else { return }
        initial.append(contentsOf: metadata)
        guard now, state?.sendHeaders() == true else { return }
        respond(encodings.headers, initial.fields, end: false)
    }

    /// Nothing happens when the headers are sent: they name the encoding.
    func compressResponses() {
        if state?.isUnanswered == true { encodings.compressResponses() }
    }

    func setTrailingMetadata(_ metadata: Metadata) {
        trailing.append(contentsOf: metadata)
    }

    /// The handler has returned or thrown: the task's last act.
    ///
    /// - Parameter bytes: Of the request that started it, which it had to itself.
    func handlerEnded(_ error: RPCError?, holding bytes: Int) {
        gate.handlerEnded(holding: bytes)
        books.setGiven(0)
        task = nil
        if !isClosed { finish(error ?? state?.returned()) }
    }

    /// - Parameter error: Nil is OK.
    private func finish(_ error: RPCError?) {
        deadline?.cancel()
        dropUnpacking()
        let ending = state?.finish() ?? .nothing
        countWaiting()
        switch ending {
        case .nothing: return
        case .trailersOnly:
            var fields = initial.fields
            let status = error ?? RPCError(.ok, "")
            fields.append(contentsOf: StatusHeaders.encode(status, trailing: trailing))
            respond(encodings.headers, fields, end: true)
        case .trailers:
            if let error, state?.failure != nil {
                abandon(
                    trailers: StatusHeaders.noFixed,
                    StatusHeaders.encode(error, trailing: trailing))
            } else if let error {
                end(
                    trailers: StatusHeaders.noFixed,
                    StatusHeaders.encode(error, trailing: trailing))
            } else {
                end(trailers: StatusHeaders.okTrailers, trailing.fields)
            }
        }
        consume(unconsumed)
    }
}
