public import Telemetry

/// One stream of a session; the layer above derives its own from it. Used on the loop's thread
/// alone.
///
/// A class to derive from and no delegate, because a stream is what every call costs: one object
/// instead of two, and no existential on its path.
open class HTTP2Stream {
    /// 0 until a client's request is submitted.
    public internal(set) final var id: Int32 = 0
    /// Nil before a client's request is submitted, and when the stream is closed.
    final var session: HTTP2Session?
    public internal(set) final var isClosed = false
    /// Where it stands in the session's list.
    final var slot = 0
    final var output = OutboundData()
    final var ending = Ending.open
    /// The library waits to be told that there is data.
    final var deferred = false
    final var headersSubmitted = false
    /// A client's request was written, as far as this process goes: the server may have seen it.
    public internal(set) final var requestLeft = false
    /// The peer has ended its side.
    public internal(set) final var remoteEnded = false
    final var localEnded = false
    /// The peer may finish what it sends after our side has ended; a stream is reset then
    /// otherwise, which clients of plain HTTP take for a failed response.
    public final var hearsOut = false
    /// Whoever queues here waits for room before there is more: what is queued is bounded, is never
    /// refused, and counts apart. To be set before anything is queued.
    public final var isPaced = false
    final var headerBytes = 0
    final var headerCount = 0
    /// Of the request's header list, while the stream is open: in the connection's books.
    final var requestHeaderBytes = 0
    /// A header block was over the limit: what was beyond it is missing.
    public internal(set) final var headersTooLarge = false
    /// Of the body, all that came.
    public internal(set) final var receivedBytes = 0
    /// Of the body, all that left.
    public internal(set) final var sentBytes = 0
    /// Received bytes for which no window was given back.
    public internal(set) final var unconsumed = 0

    enum Ending {
        case open
        case withData
        case withTrailers(FixedHeaders, HeaderFields)
        case done
    }

    public init() {}

    // MARK: For the layer above to answer

    /// One header field. The spans are valid during the call, in which no stream may be ended.
    open func received(header name: Span<UInt8>, _ value: Span<UInt8>) {}
    /// A header block is complete: the first one, or trailers.
    open func receivedHeaders(trailers: Bool) {}
    /// Part of the body. Its window stays used until ``consume(_:)``.
    open func received(data: Span<UInt8>) {}
    /// The peer has ended its side. Follows the last header block or data.
    open func receivedEnd() {}
    /// So many bytes are left unsent after some were sent.
    open func sent(bytesLeft: Int) {}
    /// Another `progressInterval` has passed; a server's stream.
    open func checkProgress() {}
    /// The stream is gone, in good order (`noError`) or not. The last call.
    open func closed(_ code: HTTP2ErrorCode) {}

    // MARK: For the layer above to call

    /// Bytes queued that the peer's window or the socket had no room for.
    public final var unsentBytes: Int { output.count }

    /// Sends the response's headers. Ends the stream at once when `end` is set.
    public final func respond(_ fixed: FixedHeaders, _ fields: HeaderFields, end: Bool) {
        guard let session, !headersSubmitted else { return }
        headersSubmitted = true
        if end { ending = .done }
        session.submitResponse(self, fixed, fields, end: end)
    }

    /// Queues bytes; they leave as the peer's window allows. A client may queue before its request
    /// is submitted.
    public final func send(_ body: [UInt8], head: ChunkHead) {
        guard !isClosed, case .open = ending else { return }
        output.append(body, head: head)
        session?.books.addUnsent(body.count + head.count, isPaced: isPaced)
        wakeOutput()
    }

    /// Ends our side after what is queued.
    public final func end() {
        guard case .open = ending else { return }
        ending = .withData
        wakeOutput()
    }

    /// Ends our side with trailers after what is queued.
    public final func end(trailers fixed: FixedHeaders, _ fields: HeaderFields) {
        guard case .open = ending else { return }
        ending = .withTrailers(fixed, fields)
        wakeOutput()
    }

    /// Forgets what is queued and not sent, and ends our side with trailers at once: they need no
    /// room in the peer's window, and nothing that is sent later comes before them.
    public final func abandon(trailers fixed: FixedHeaders, _ fields: HeaderFields) {
        guard let session, headersSubmitted, case .open = ending else { return }
        dropUnsent()
        ending = .done
        session.submitTrailers(self, fixed, fields)
        session.needsOutput()
    }

    /// Forgets what is queued and not sent.
    public final func dropUnsent() {
        session?.books.addUnsent(-output.count, isPaced: isPaced)
        output.removeAll()
    }

    public final func reset(_ code: HTTP2ErrorCode) {
        session?.submitReset(self, code)
    }

    /// The peer did what costs us dearly, within the rules of HTTP/2. It may do so now and then
    /// (``HTTP2Configuration/strikeBurst``); else its connection is cut off.
    public final func strike(_ limit: RuntimeLimit, at now: MonotonicTime) {
        session?.strike(limit, at: now)
    }

    /// Gives window back for so many received bytes.
    public final func consume(_ count: Int) {
        guard count > 0, let session else { return }
        precondition(count <= unconsumed, "More consumed than received")
        unconsumed -= count
        session.consume(self, count)
    }

    private func wakeOutput() {
        guard let session, deferred else {
            session?.needsOutput()
            return
        }
        deferred = false
        session.resume(self)
    }
}
