internal import CNghttp2
internal import Telemetry

/// Watches the frames of a peer, before the library sees them, for those that cost us work and carry
/// nothing: it reads only frame heads (RFC 9113 §4.1), so it also sees what the library ignores.
///
/// Charged to one budget: DATA that is empty or all padding and doesn't end its stream, PRIORITY,
/// SETTINGS, PING, GOAWAY, empty CONTINUATION, frames of unknown types, and WINDOW_UPDATE beyond what
/// a fair peer sends: two for each DATA frame of ours, and one for each HEADERS frame of its own. DATA
/// that the peer's window cut to less than ``smallestEarner`` bytes earns it nothing, so windows
/// opened byte by byte use the budget up.
///
/// RST_STREAM has a budget of its own. A stream that we ended first may be reset for nothing: clients
/// do so when they hadn't ended it themselves. A reset of ours for what the peer broke is charged like
/// its own: it ends a call that has begun, and the stream counts no longer, either way.
///
/// On the way it finds the breaks of RFC 9113 that the library ignores.
struct FrameMeter {
    /// Bytes in a DATA frame of ours that pay for WINDOW_UPDATEs, whatever is left to send.
    static let smallestEarner = 256

    private var empties: TokenBucket
    private var resets: TokenBucket
    private var pings: PingPolicy
    private let maxContinuations: Int
    private let maxResetsEarned: Int
    private var windowUpdatesEarned = 0
    private var resetsEarned = 0

    /// Streams on which nothing may come any more.
    var closedStreams = ClosedStreams()
    /// The peer broke RFC 9113 where the library would let it.
    private(set) var violation: HTTP2ErrorCode?

    /// Length, type and flags of the frame whose head arrives, and its stream.
    private var head: UInt64 = 0
    private var stream: UInt32 = 0
    private var headCount = 0
    private var payloadLeft: Int
    /// A DATA frame whose first payload byte, its padding, isn't here yet.
    private var awaitsPadding = false
    private var continuations = 0
    private var isData = false
    /// Between HEADERS and the CONTINUATION with END_HEADERS.
    private var isInHeaderBlock = false
    private var isHeaderFrame = false
    /// What came of the header block that isn't complete: the library holds it, decoded or not.
    private(set) var openHeaderBytes = 0
    /// How many frames began.
    private var frames: UInt64 = 0

    private static let headLength = 9
    /// RFC 9113 §3.4.
    private static let prefaceLength = 24
    private static let endStream: UInt8 = 1
    private static let acknowledgement: UInt8 = 1
    private static let endHeaders: UInt8 = 4
    private static let padded: UInt8 = 8

    init(_ configuration: HTTP2Configuration) {
        empties = TokenBucket(
            burst: configuration.emptyFrameBurst, perSecond: configuration.emptyFramesPerSecond)
        resets = TokenBucket(
            burst: configuration.streamResetBurst,
            perSecond: configuration.streamResetsPerSecond)
        pings = PingPolicy(
            minInterval: configuration.minPingInterval, maxStrikes: configuration.maxPingStrikes)
        maxContinuations = configuration.maxContinuations
        maxResetsEarned = configuration.maxConcurrentStreams
        payloadLeft = Self.prefaceLength
    }

    /// The number of the frame, or of the first frame of the header block, that has begun and isn't
    /// complete; nil between frames, and within DATA, whose progress is its stream's affair.
    var unfinished: UInt64? {
        if isInHeaderBlock { return frames - UInt64(continuations) }
        if headCount > 0 { return frames + 1 }
        return payloadLeft > 0 && !isData ? frames : nil
    }

    /// Whether the preface and a first frame, which must be SETTINGS, are here.
    var hasGreeting: Bool { frames > 1 || (frames == 1 && payloadLeft == 0) }

    /// Takes what the peer sent.
    ///
    /// - Returns: The limit that it broke.
    mutating func read(_ bytes: Span<UInt8>, at now: MonotonicTime) -> RuntimeLimit? {
        var offset = 0
        while offset < bytes.count {
            if payloadLeft > 0 {
                if awaitsPadding {
                    awaitsPadding = false
                    if Int(bytes[offset]) + 1 >= payloadLeft, !empties.take(at: now) {
                        return .emptyFrames
                    }
                }
                let skipped = min(payloadLeft, bytes.count - offset)
                payloadLeft -= skipped
                offset += skipped
                if isHeaderFrame { openHeaderBytes += skipped }
                if payloadLeft == 0 && !isInHeaderBlock { openHeaderBytes = 0 }
                continue
            }
            if headCount == 0, bytes.count - offset >= Self.headLength {
                readHead(bytes, offset)
                offset += Self.headLength
                if let limit = begin(at: now) { return limit }
                continue
            }
            if headCount < Self.headLength - 4 {
                head = head << 8 | UInt64(bytes[offset])
            } else {
                stream = stream << 8 | UInt32(bytes[offset])
            }
            headCount += 1
            offset += 1
            if headCount == Self.headLength, let limit = begin(at: now) { return limit }
        }
        return nil
    }

    /// One that is here in one piece, as most are.
    private mutating func readHead(_ bytes: Span<UInt8>, _ offset: Int) {
        let first = unsafe UInt64(
            bigEndian: bytes.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
        head = first >> 24
        stream = UInt32(truncatingIfNeeded: first) << 8 | UInt32(bytes[offset + 8])
    }

    /// We sent HEADERS or DATA.
    ///
    /// - Parameter endsStream: With END_STREAM, where the peer hadn't sent its own.
    mutating func sent(endsStream: Bool) {
        pings.sent()
        // Few streams can have resets under way: what more clients don't use is not kept for floods.
        if endsStream { resetsEarned = min(resetsEarned + 1, maxResetsEarned) }
    }

    /// We sent RST_STREAM for what the peer broke on a stream.
    ///
    /// - Returns: Whether it may go on.
    mutating func sentReset(at now: MonotonicTime) -> Bool { resets.take(at: now) }

    /// We sent DATA.
    ///
    /// - Parameter isAll: Nothing of its stream waits, so it wasn't the window that cut it.
    mutating func sentData(_ count: Int, isAll: Bool) {
        if isAll || count >= Self.smallestEarner { windowUpdatesEarned += 2 }
    }

    /// A frame's head is complete.
    private mutating func begin(at now: MonotonicTime) -> RuntimeLimit? {
        let flags = UInt8(truncatingIfNeeded: head)
        let type = UInt32(UInt8(truncatingIfNeeded: head >> 8))
        payloadLeft = Int(head >> 16)
        head = 0
        headCount = 0
        frames += 1
        isData = type == NGHTTP2_DATA.rawValue
        isHeaderFrame =
            type == NGHTTP2_HEADERS.rawValue || type == NGHTTP2_CONTINUATION.rawValue
        check(type, Int32(stream & 0x7fff_ffff))
        switch type {
        case NGHTTP2_DATA.rawValue:
            guard flags & Self.endStream == 0 else { return nil }
            awaitsPadding = flags & Self.padded != 0 && payloadLeft > 0
            return payloadLeft == 0 ? charge(at: now) : nil
        case NGHTTP2_HEADERS.rawValue:
            windowUpdatesEarned += 1
            continuations = 0
            isInHeaderBlock = flags & Self.endHeaders == 0
            return nil
        case NGHTTP2_CONTINUATION.rawValue:
            continuations += 1
            if continuations > maxContinuations { return .continuations }
            isInHeaderBlock = flags & Self.endHeaders == 0
            return payloadLeft == 0 ? charge(at: now) : nil
        case NGHTTP2_RST_STREAM.rawValue:
            if resetsEarned > 0 {
                resetsEarned -= 1
                return nil
            }
            return resets.take(at: now) ? nil : .streamResets
        case NGHTTP2_PING.rawValue where flags & Self.acknowledgement == 0:
            return pings.received(at: now) ? charge(at: now) : .pings
        case NGHTTP2_WINDOW_UPDATE.rawValue where windowUpdatesEarned > 0:
            windowUpdatesEarned -= 1
            return nil
        default: return charge(at: now)
        }
    }

    private mutating func check(_ type: UInt32, _ stream: Int32) {
        let error: HTTP2ErrorCode? =
            switch type {
            case NGHTTP2_HEADERS.rawValue: closedStreams.headersBegin(stream)
            case NGHTTP2_DATA.rawValue: closedStreams.dataBegins(stream)
            // Priorities are ignored; §6.3 still wants them on a stream.
            case NGHTTP2_PRIORITY.rawValue where stream == 0: .protocolError
            default: nil
            }
        if type == NGHTTP2_RST_STREAM.rawValue { closedStreams.closed(stream) }
        violation = violation ?? error
    }

    private mutating func charge(at now: MonotonicTime) -> RuntimeLimit? {
        empties.take(at: now) ? nil : .emptyFrames
    }
}
