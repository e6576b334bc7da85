internal import CNghttp2
public import Telemetry

/// What a session is for. Called on the loop's thread, during ``HTTP2Session/receive(_:)`` or
/// ``HTTP2Session/produce(into:limit:)``.
public protocol HTTP2SessionHandler: AnyObject {
    /// A server's peer opens a stream.
    func makeStream() -> HTTP2Stream
    /// There is something to write: call ``HTTP2Session/produce(into:limit:)`` soon.
    func needsOutput()
    /// What the peer allows is known, or has changed.
    func receivedSettings()
    /// The peer will answer no new streams. `reason` is the debug data's text.
    func receivedGoAway(_ code: HTTP2ErrorCode, reason: String)
    /// The peer answered a ping of ours.
    func receivedPong(_ payload: UInt64)
    /// The peer ran into one of our limits.
    func hit(_ limit: RuntimeLimit)
}

extension HTTP2SessionHandler {
    public func hit(_ limit: RuntimeLimit) {}
}

/// Owns one `nghttp2_session`: bytes in, stream calls out, and back. No I/O. Used on one loop's
/// thread alone.
///
/// Duties, and where they are:
/// 1. Bytes in (``receive(_:)``) and out (``produce(into:limit:)``); never one inside the other.
/// 2. Streams (`HTTP2Session+Streams`): the list holds each until it is closed; the library's
///    stream user data points at it, so there is no dictionary to search.
/// 3. Callbacks (`Callbacks`): plain functions that find this object in the library's user data.
///    What they tell (`HTTP2Session+Received`, `HTTP2Session+Sent`) goes to the streams, which may
///    submit frames; the library allows that. They never receive, produce or free.
/// 4. Windows: nothing is given back until it is consumed. A stream's window opens as its owner
///    consumes; the connection's as bytes arrive, so that one stalled stream doesn't stop the
///    others, until `maxBufferedBytes` are held.
@safe
public final class HTTP2Session {
    public enum Role: Sendable { case server, client }

    let role: Role
    let configuration: HTTP2Configuration
    private let memory = LibraryMemory.current
    let raw: OpaquePointer
    /// Let go by ``closeAllStreams(_:)``: it owns us.
    private(set) var handler: (any HTTP2SessionHandler)?
    let books: ConnectionBooks
    var streams: ContiguousArray<HTTP2Stream> = []
    var streamsOpened = 0
    /// Received by all streams and not consumed.
    var buffered = 0
    /// Of those, bytes for which the connection's window wasn't given back either.
    var withheld = 0
    /// The handler was told that there is output and hasn't come for it yet.
    private var outputAsked = false
    /// Whose header block arrives. Not retained for each of its fields: the list does so, and a
    /// stream that leaves it leaves here as well.
    var headerStream: Unmanaged<HTTP2Stream>?
    private var busy = false
    /// What a server's peer sends, in frames.
    var meter: FrameMeter?
    /// When bytes came last.
    private(set) var lastHeard = MonotonicTime.zero
    /// As the books have them.
    private var openHeaderBytes = 0
    private var strikes: TokenBucket
    /// A limit was broken: nothing is taken any more, and all ends with the GOAWAY that says so.
    public private(set) var isCutOff = false
    /// The peer was, for what it did or for never having begun: not for its silence later on, and not
    /// for want of memory.
    private(set) var isToBlame = false
    /// That GOAWAY has left.
    var saidGoodbye = false
    /// The streams are gone; the library, which still knows them, must not be asked for more.
    private var isDead = false

    public init(
        _ role: Role, configuration: HTTP2Configuration, handler: any HTTP2SessionHandler,
        books: ConnectionBooks = ConnectionBooks()
    ) throws(HTTP2Error) {
        self.role = role
        self.books = books
        self.configuration = configuration
        self.handler = handler
        strikes = TokenBucket(
            burst: configuration.strikeBurst, perSecond: configuration.strikesPerSecond)
        meter = role == .server ? FrameMeter(configuration) : nil
        unsafe raw = try Self.makeSession(role, configuration, memory)
        // The session object outlives the library's: it frees it.
        unsafe nghttp2_session_set_user_data(raw, Unmanaged.passUnretained(self).toOpaque())
        try submitSettings()
    }

    deinit {
        unsafe nghttp2_session_del(raw)
    }

    /// How many streams are open.
    public var streamCount: Int { streams.count }

    /// How many streams the peer lets us have open; before its settings are here, 100.
    public var maxPeerStreams: Int {
        unsafe Int(
            nghttp2_session_get_remote_settings(raw, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS))
    }

    /// Takes bytes from the peer.
    ///
    /// - Parameter now: What the peer's frames are measured by.
    /// - Throws: ``HTTP2Error`` when the connection can't go on; a GOAWAY may be waiting to be
    ///   produced. Most protocol errors don't throw: the library answers them with a GOAWAY, after
    ///   which ``isFinished`` is true.
    public func receive(_ bytes: Span<UInt8>, at now: MonotonicTime = .zero) throws(HTTP2Error) {
        precondition(!busy, "Sessions aren't re-entrant")
        guard !isDead, !isCutOff else { return }
        lastHeard = now
        if let limit = meter?.read(bytes, at: now) { return cutOff(limit) }
        guard countOpenHeaders() else { return cutOff(.memory) }
        if let violation = meter?.violation { return terminate(violation) }
        busy = true
        defer { busy = false }
        let result = unsafe bytes.withUnsafeBufferPointer { bytes in
            unsafe nghttp2_session_mem_recv(raw, bytes.baseAddress, bytes.count)
        }
        needsOutput()
        switch result {
        case 0...: break
        case Int(NGHTTP2_ERR_FLOODED.rawValue): cutOff(.waitingFrames)
        case Int(NGHTTP2_ERR_TOO_MANY_CONTINUATIONS.rawValue): cutOff(.continuations)
        default: throw Self.error(Int32(result))
        }
        // A client's requests wait here as well, for the server to allow more streams.
        if role == .server,
            unsafe nghttp2_session_get_outbound_queue_size(raw) > configuration.maxWaitingFrames
        {
            cutOff(.waitingFrames)
        }
    }

    /// The head of a gRPC call is under 1 KiB, and whether it comes in one read is chance: however
    /// short memory is, a busy connection isn't ended for that. Its call is refused, if anything.
    private static let smallHeaderBlock = 4 * 1_024

    /// - Returns: False when there is no room for more of a header block. No stream is there to be
    ///   refused: it is the connection that holds it.
    private func countOpenHeaders() -> Bool {
        let open = meter?.openHeaderBytes ?? 0
        guard open != openHeaderBytes else { return true }
        books.addReceived(open - openHeaderBytes)
        openHeaderBytes = open
        return open <= Self.smallHeaderBlock || books.hasRoom
    }

    /// Takes nothing more, and ends with a GOAWAY that names the limit.
    func cutOff(_ limit: RuntimeLimit, _ code: HTTP2ErrorCode = .enhanceYourCalm) {
        guard !isCutOff, !isDead else { return }
        isCutOff = true
        isToBlame =
            code == .enhanceYourCalm && limit != .memory || limit == .handshakeTime
        let last = unsafe nghttp2_session_get_last_proc_stream_id(raw)
        let reason = limit.debugData
        unsafe _ = nghttp2_submit_goaway(
            raw, 0, last, code.rawValue, reason.utf8Start, reason.utf8CodeUnitCount)
        needsOutput()
        handler?.hit(limit)
    }

    /// The layer above found the peer at fault: the next time too many it is cut off.
    func strike(_ limit: RuntimeLimit, at now: MonotonicTime) {
        if !strikes.take(at: now) { cutOff(limit) }
    }

    /// Appends what there is to send, up to about `limit` bytes.
    public func produce(into output: inout [UInt8], limit: Int) throws(HTTP2Error) {
        precondition(!busy, "Sessions aren't re-entrant")
        guard !isDead else { return }
        busy = true
        outputAsked = false
        defer { busy = false }
        guard !saidGoodbye else { return }
        while output.count < limit {
            var bytes: UnsafePointer<UInt8>?
            let count = unsafe nghttp2_session_mem_send(raw, &bytes)
            if count < 0 { throw Self.error(Int32(count)) }
            guard count > 0 else { return }
            unsafe output.append(contentsOf: UnsafeBufferPointer(start: bytes, count: count))
            if saidGoodbye { return }
        }
    }

    /// Neither side has anything more to say: close the connection.
    public var isFinished: Bool {
        unsafe saidGoodbye
            || nghttp2_session_want_read(raw) == 0 && nghttp2_session_want_write(raw) == 0
    }

    /// Tells the peer that no new streams should be opened, while those on their way are still
    /// taken. Follow with ``refuseNewStreams()`` a round trip later (RFC 9113 §6.8).
    public func announceShutdown() {
        unsafe _ = nghttp2_submit_shutdown_notice(raw)
        needsOutput()
    }

    /// Takes no new streams; those open go on.
    public func refuseNewStreams() {
        let last = unsafe nghttp2_session_get_last_proc_stream_id(raw)
        unsafe _ = nghttp2_submit_goaway(raw, 0, last, 0, nil, 0)
        needsOutput()
    }

    /// Ends the connection with a GOAWAY.
    public func terminate(_ code: HTTP2ErrorCode) {
        unsafe _ = nghttp2_session_terminate_session(raw, code.rawValue)
        needsOutput()
    }

    public func ping(_ payload: UInt64) {
        unsafe withUnsafeBytes(of: payload) { bytes in
            unsafe _ = nghttp2_submit_ping(raw, 0, bytes.bindMemory(to: UInt8.self).baseAddress)
        }
        needsOutput()
    }

    /// Visits the open streams; the body may end them.
    public func forEachStream(_ body: (HTTP2Stream) -> Void) {
        for stream in streams { body(stream) }
    }

    /// The connection is gone: every stream hears `code`.
    public func closeAllStreams(_ code: HTTP2ErrorCode) {
        isDead = true
        books.addReceived(-openHeaderBytes)
        openHeaderBytes = 0
        while let stream = streams.last { remove(stream, code) }
        handler = nil
    }

    func needsOutput() {
        guard !outputAsked else { return }
        outputAsked = true
        handler?.needsOutput()
    }

    private func submitSettings() throws(HTTP2Error) {
        let windowBytes = UInt32(clamping: configuration.streamWindowBytes)
        var entries = [
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS.rawValue),
                value: UInt32(clamping: configuration.maxConcurrentStreams)),
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue),
                value: windowBytes),
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue),
                value: UInt32(clamping: configuration.maxHeaderListBytes)),
            // Nobody in gRPC uses priorities; without them there is no tree to keep (RFC 9218).
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES.rawValue), value: 1),
        ]
        if role == .client {
            entries.append(
                nghttp2_settings_entry(
                    settings_id: Int32(NGHTTP2_SETTINGS_ENABLE_PUSH.rawValue), value: 0))
        }
        try Self.check(unsafe nghttp2_submit_settings(raw, 0, entries, entries.count))
        try Self.check(
            unsafe nghttp2_session_set_local_window_size(
                raw, 0, 0, Int32(clamping: configuration.connectionWindowBytes)))
    }

    private static func makeSession(
        _ role: Role, _ configuration: HTTP2Configuration, _ memory: LibraryMemory
    ) throws(HTTP2Error) -> OpaquePointer {
        var functions = unsafe memory.functions
        let callbacks = try SessionCallbacks()
        let options = try SessionOptions(configuration)
        var session: OpaquePointer?
        switch role {
        case .server:
            try check(
                unsafe nghttp2_session_server_new3(
                    &session, callbacks.raw, nil, options.raw, &functions))
        case .client:
            try check(
                unsafe nghttp2_session_client_new3(
                    &session, callbacks.raw, nil, options.raw, &functions))
        }
        guard let session = unsafe session else { throw error(0) }
        return unsafe session
    }

    static func check(_ result: Int32) throws(HTTP2Error) {
        if result != 0 { throw error(result) }
    }

    static func error(_ result: Int32) -> HTTP2Error {
        let ours = [NGHTTP2_ERR_NOMEM.rawValue, NGHTTP2_ERR_INVALID_STATE.rawValue, 0]
        return HTTP2Error(
            code: ours.contains(result) ? .library : .peer,
            description: unsafe String(cString: nghttp2_strerror(result)))
    }
}

/// Owns an `nghttp2_option`, which is only needed to make a session.
@safe
private final class SessionOptions {
    let raw: OpaquePointer

    init(_ configuration: HTTP2Configuration) throws(HTTP2Error) {
        var option: OpaquePointer?
        try HTTP2Session.check(unsafe nghttp2_option_new(&option))
        guard let option = unsafe option else { throw HTTP2Session.error(0) }
        unsafe raw = option
        unsafe nghttp2_option_set_no_auto_window_update(raw, 1)
        unsafe nghttp2_option_set_no_closed_streams(raw, 1)
        unsafe nghttp2_option_set_max_reserved_remote_streams(raw, 0)
        unsafe nghttp2_option_set_peer_max_concurrent_streams(raw, 100)
        unsafe nghttp2_option_set_max_outbound_ack(raw, configuration.maxWaitingAcknowledgements)
        unsafe nghttp2_option_set_max_settings(raw, configuration.maxSettingsEntries)
        unsafe nghttp2_option_set_max_continuations(raw, configuration.maxContinuations)
        // The meter counts them, and tells the peer why: the library would say INTERNAL_ERROR.
        unsafe nghttp2_option_set_stream_reset_rate_limit(raw, 1 << 40, 1 << 30)
    }

    deinit { unsafe nghttp2_option_del(raw) }
}
