import GRPC
import HTTP2

extension FuzzEntries {
    /// A server's session, fed with whatever bytes: the first byte's low bit puts the client's preface
    /// before them, its other bits say into how long pieces they are cut.
    ///
    /// Streams hear their calls in order and nothing after their end; what comes out are frames.
    public static func session(_ input: [UInt8]) {
        guard let choice = input.first else { return }
        let greeting = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + [0, 0, 0, 4, 0, 0, 0, 0, 0]
        let bytes = (choice & 1 == 1 ? greeting : []) + input.dropFirst()
        do {
            let peer = try SessionUnderTest()
            peer.feed(bytes, pieces: Int(choice >> 1) + 1)
            peer.close()
        } catch {
            fatalError("no session: \(error)")
        }
    }
}

/// The session, what answers on it, and a look at what it sends.
private final class SessionUnderTest: HTTP2SessionHandler {
    private var session: HTTP2Session?
    private var streams: [StreamUnderTest] = []
    private var output = OutputFrames()
    private var isBroken = false
    private let maxOpen: Int

    init() throws {
        var configuration = HTTP2Configuration()
        // Small, so that small inputs reach them.
        configuration.maxConcurrentStreams = 20
        configuration.streamWindowBytes = 1_000
        configuration.connectionWindowBytes = 70_000
        configuration.maxBufferedBytes = 1_500
        configuration.maxHeaderListBytes = 512
        configuration.maxHeaderFields = 12
        maxOpen = configuration.maxConcurrentStreams
        session = try HTTP2Session(.server, configuration: configuration, handler: self)
    }

    func feed(_ bytes: [UInt8], pieces: Int) {
        guard let session else { return }
        var start = 0
        while start < bytes.count && !isBroken && !session.isFinished {
            let end = min(start + pieces, bytes.count)
            let piece = Array(bytes[start..<end])
            do { try session.receive(piece.span) } catch { isBroken = true }
            produce()
            FuzzEntries.promise(session.streamCount <= maxOpen, "more streams than allowed")
            for stream in streams where !stream.isClosed { stream.work() }
            produce()
            start = end
        }
    }

    func close() {
        session?.closeAllStreams(.connectionLost)
        session = nil
        for stream in streams {
            FuzzEntries.promise(stream.wasClosed, "a stream never heard its end")
        }
    }

    private func produce() {
        var bytes: [UInt8] = []
        do { try session?.produce(into: &bytes, limit: 1 << 16) } catch { isBroken = true }
        output.check(bytes)
    }

    func makeStream() -> HTTP2Stream {
        let stream = StreamUnderTest(style: streams.count)
        streams.append(stream)
        return stream
    }
    func needsOutput() {}
    func receivedSettings() {}
    func receivedGoAway(_ code: HTTP2ErrorCode, reason: String) {}
    func receivedPong(_ payload: UInt64) {}
}

/// Reads messages as a call does, and answers in one of several styles.
private final class StreamUnderTest: HTTP2Stream {
    private let style: Int
    private var deframer = MessageDeframer(maxMessageBytes: 2_000)
    private var fields = HeaderFields()
    private var headersDone = false
    private var trailersDone = false
    private var ended = false
    private var answered = false
    private(set) var wasClosed = false

    private static let ok = FixedHeaders([":status": "200"])

    init(style: Int) { self.style = style % 5 }

    override func received(header name: Span<UInt8>, _ value: Span<UInt8>) {
        promise(!wasClosed && !trailersDone, "a header field too late")
        fields.append(name, value)
        promise(fields.listBytes <= 2 * 512, "header fields beyond the limit")
    }

    override func receivedHeaders(trailers: Bool) {
        promise(!wasClosed && trailers == headersDone && !trailersDone, "headers out of order")
        if trailers { trailersDone = true } else { headersDone = true }
        if style == 1 { answer() }
    }

    override func received(data: Span<UInt8>) {
        promise(!wasClosed && headersDone && !trailersDone && !ended, "data out of order")
        promise(unconsumed >= data.count, "the window is miscounted")
        do throws(MessageDeframer.Failure) {
            try deframer.read(data) { _ in }
        } catch {
            reset(.cancel)
        }
        if style != 2 { consume(unconsumed) }
    }

    override func receivedEnd() {
        promise(!wasClosed && headersDone && !ended, "an end out of order")
        ended = true
        if style == 0 { answer() }
    }

    override func closed(_ code: HTTP2ErrorCode) {
        promise(!wasClosed, "closed twice")
        wasClosed = true
    }

    /// What a handler does in its own time.
    func work() {
        guard headersDone else { return }
        switch style {
        case 2 where unconsumed > 0: consume(unconsumed / 2)
        case 3 where ended: answer()
        case 4: reset(.cancel)
        default: break
        }
    }

    private func answer() {
        guard !answered else { return }
        answered = true
        respond(Self.ok, HeaderFields(), end: false)
        send([UInt8](repeating: 7, count: 600 * style), head: ChunkHead(flag: 0, length: 9))
        end(trailers: FixedHeaders(["grpc-status": "0"]), HeaderFields())
    }

    private func promise(_ holds: Bool, _ sentence: @autoclosure () -> String) {
        FuzzEntries.promise(holds, sentence())
    }
}

/// Follows what a server sends (RFC 9113 §4.1): frames, whole and of a size that every client takes.
private struct OutputFrames {
    private var head: [UInt8] = []
    private var payloadLeft = 0
    private var isFirst = true

    mutating func check(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            if payloadLeft > 0 {
                let skipped = min(payloadLeft, rest.count)
                rest = rest.dropFirst(skipped)
                payloadLeft -= skipped
                continue
            }
            head.append(rest.removeFirst())
            if head.count == 9 { begin() }
        }
    }

    private mutating func begin() {
        payloadLeft = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
        let stream = head[5...].reduce(0) { $0 << 8 | Int($1) }
        FuzzEntries.promise(payloadLeft <= 16_384, "a frame of \(payloadLeft) bytes")
        FuzzEntries.promise(head[3] <= 9 && head[3] != 5, "a frame of type \(head[3])")
        FuzzEntries.promise(!isFirst || head[3] == 4, "the first frame isn't SETTINGS")
        let ofConnection: Set<UInt8> = [4, 6, 7]
        FuzzEntries.promise(
            head[3] == 8 || ofConnection.contains(head[3]) == (stream == 0), "a frame astray")
        isFirst = false
        head = []
    }
}
