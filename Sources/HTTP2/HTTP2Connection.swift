public import IO
import Telemetry

/// What a connection's owner hears. Called on the loop's thread.
public protocol HTTP2ConnectionHandler: AnyObject {
    /// A server's peer opens a stream.
    func makeStream() -> HTTP2Stream
    /// The peer speaks HTTP/2: its settings are here, the first time or again.
    func settled()
    /// The peer will answer no new streams; those open go on. `reason` is what it says of it.
    func goingAway(_ code: HTTP2ErrorCode, reason: String)
    /// The peer answered ``HTTP2Connection/ping()``.
    func pong()
    /// It is over, and every stream was told.
    func closed(_ reason: String?)
    /// The peer ran into one of our limits.
    func hit(_ limit: RuntimeLimit)
    /// It is cut off for what it did, or for never having shaken hands.
    func cutOff()
    /// The connection should have drained by now: end the calls that are left, then
    /// ``HTTP2Connection/finish()``.
    func timeIsUp()
}

extension HTTP2ConnectionHandler {
    public func hit(_ limit: RuntimeLimit) {}
    public func cutOff() {}
    public func timeIsUp() {}
    public func settled() {}
    public func pong() {}
}

/// A session on a connection. Used on the loop's thread alone.
public final class HTTP2Connection: ConnectionHandler, HTTP2SessionHandler {
    public let connection: Connection
    /// Nil only before `init` has ended.
    var ownSession: HTTP2Session?
    var handler: (any HTTP2ConnectionHandler)?
    private var closeReason: String?
    /// How often bytes came: a peer that is heard of is alive.
    public private(set) var reads: UInt64 = 0

    /// What a ping of ours carries that only asks whether the peer is there.
    private static let aliveMark: UInt64 = 0x616c_6976_653f_3f3f
    /// What a ping of ours carries when it waits to refuse new streams.
    private static let drainMark: UInt64 = 0x6472_6169_6e21_2121
    private static let drainPatience: Duration = .seconds(1)
    private var drainTimer: IOTimer?

    /// A server's.
    var watch: ConnectionWatch?
    var watchTimer: IOTimer?
    private(set) var lastHeard = MonotonicTime.zero
    private(set) var writes: UInt64 = 0
    /// Produced and not taken by the kernel, as the books have it.
    private var keptBytes = 0

    public init(
        _ role: HTTP2Session.Role, on connection: Connection, configuration: HTTP2Configuration,
        handler: any HTTP2ConnectionHandler, books: ConnectionBooks = ConnectionBooks()
    ) throws {
        self.connection = connection
        self.handler = handler
        let session = try HTTP2Session(
            role, configuration: configuration, handler: self, books: books)
        ownSession = session
        do {
            try connection.start(self)
        } catch {
            session.closeAllStreams(.connectionLost)
            throw error
        }
        connection.setNeedsWrite()
        if role == .server {
            lastHeard = connection.loop.now
            watch = ConnectionWatch(
                configuration, jitter: .random(in: 0.9...1.1), now: lastHeard)
            look()
        }
    }

    /// Nil when the connection is closed.
    public var session: HTTP2Session? { connection.isClosed ? nil : ownSession }

    /// Asks whether the peer is there: its answer is ``HTTP2ConnectionHandler/pong()``.
    public func ping() {
        session?.ping(Self.aliveMark)
    }

    /// Lets the open streams end and takes no new ones; closes when the last one has ended.
    public func drain() {
        // Who hasn't shaken hands has been promised nothing.
        guard connection.isEstablished else { return connection.close() }
        session?.announceShutdown()
        // When the answer is here, what the peer sent before it knew is here as well. A peer that
        // does not answer had its time.
        session?.ping(Self.drainMark)
        drainTimer = connection.loop.schedule(after: Self.drainPatience) { [weak self] in
            self?.session?.refuseNewStreams()
        }
    }

    /// Takes no new streams and closes when the open ones have ended, or in a second: their ends
    /// still leave, where ``terminate(_:)`` would overtake them.
    public func finish() {
        session?.refuseNewStreams()
        connection.closeSoon()
    }

    /// Says why, then closes, even when the peer doesn't read.
    public func terminate(_ code: HTTP2ErrorCode) {
        session?.terminate(code)
        connection.closeSoon()
    }

    public func received(_ bytes: Span<UInt8>) {
        reads &+= 1
        lastHeard = connection.loop.now
        do throws(HTTP2Error) {
            try ownSession?.receive(bytes, at: lastHeard)
        } catch {
            closeReason = error.description
            closeWhenWritten()
        }
    }

    public func produce(into output: inout [UInt8], limit: Int) {
        guard let session = ownSession else { return }
        writes &+= 1
        keep(0)
        do throws(HTTP2Error) {
            try session.produce(into: &output, limit: limit)
        } catch {
            closeReason = error.description
            closeWhenWritten()
            return
        }
        if session.isFinished { closeWhenWritten() }
    }

    public func kept(bytes: Int) {
        keep(bytes)
    }

    private func keep(_ bytes: Int) {
        guard bytes != keptBytes else { return }
        ownSession?.books.addUnsent(bytes - keptBytes)
        keptBytes = bytes
    }

    /// A client wants nothing more; a server's client may not have read its answers.
    private func closeWhenWritten() {
        connection.closeWhenWritten(lingering: ownSession?.role == .server)
    }

    public func closed(_ error: IOError?) {
        drainTimer?.cancel()
        watchTimer?.cancel()
        watch = nil
        keep(0)
        let handler = handler
        self.handler = nil
        if !connection.isEstablished, let limit = Self.handshakeLimit(error) {
            handler?.hit(limit)
            // Who gave way to a crowd of handshakes is not the crowd.
            if limit == .handshakeTime { handler?.cutOff() }
        }
        ownSession?.closeAllStreams(.connectionLost)
        handler?.closed(closeReason ?? error.map { "\($0)" })
    }

    /// The limit that a TLS handshake ran into.
    private static func handshakeLimit(_ error: IOError?) -> RuntimeLimit? {
        switch error?.code {
        case .timedOut: .handshakeTime
        case .exhausted: .handshakes
        default: nil
        }
    }

    // MARK: Of the session

    public func makeStream() -> HTTP2Stream {
        // Streams are only made while bytes are received, and none are after `closed`.
        guard let handler else { preconditionFailure("A stream on a closed connection") }
        return handler.makeStream()
    }

    public func needsOutput() {
        connection.setNeedsWrite()
    }

    public func receivedSettings() {
        handler?.settled()
    }

    public func receivedGoAway(_ code: HTTP2ErrorCode, reason: String) {
        handler?.goingAway(code, reason: reason)
    }

    public func hit(_ limit: RuntimeLimit) {
        handler?.hit(limit)
        guard let session = ownSession, session.isCutOff else { return }
        closeReason = "over the limit: \(limit)"
        if session.isToBlame { handler?.cutOff() }
        // Also when the peer doesn't read its GOAWAY.
        connection.closeSoon()
    }

    public func receivedPong(_ payload: UInt64) {
        switch payload {
        case Self.drainMark: session?.refuseNewStreams()
        case Self.aliveMark: handler?.pong()
        default: break
        }
    }
}
