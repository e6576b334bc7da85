internal import Glibc

/// What a connection carries bytes for. Called on the loop's thread.
public protocol ConnectionHandler: AnyObject {
    /// Bytes as they came; the span is valid during the call.
    func received(_ bytes: Span<UInt8>)

    /// Appends what there is to write, about `limit` bytes of it. Called only when all that came
    /// before is written, so a slow peer holds back its own producer and no memory.
    func produce(into output: inout [UInt8], limit: Int)

    /// The kernel took only part of what was produced; so much of it is kept until the next
    /// ``produce(into:limit:)``.
    func kept(bytes: Int)

    /// It is over. `error` is nil when either side closed in good order.
    func closed(_ error: IOError?)
}

extension ConnectionHandler {
    public func kept(bytes: Int) {}
}

/// A non-blocking byte stream on a loop. Used on the loop's thread alone.
///
/// Reads 16 KiB in a turn, so that what these bytes caused (an acknowledgement, say) is written
/// before more of them come. Writes at the end of the turn, all in one call.
///
/// With a ``TLSContext`` the handshake comes first, and the handler sees what is inside. A
/// handshake that fails or takes too long ends the connection, with the reason as its error.
public final class Connection: ReadinessHandler, TurnEndHandler {
    public let loop: IOLoop
    public let peer: SocketAddress
    /// Nil when closed.
    private var socket: Socket?
    /// Nil in plaintext, before ``start(_:)`` and when closed.
    private var tls: TLSSession?
    private let context: TLSContext?
    private let serverName: String?
    private let handshakeTimeout: Duration
    private let maxHandshakes: Int
    private var handshakePlace: HandshakeLine<Connection>.Place?
    /// While the handshake goes on.
    private var handshakeTimer: IOTimer?
    /// Whether bytes can flow: at once in plaintext, after the handshake in TLS.
    public private(set) var isEstablished: Bool
    /// Who the peer proved to be; nil in plaintext, before the handshake is done, and when the peer
    /// showed no certificate.
    public private(set) var peerIdentity: PeerIdentity?
    /// OpenSSL holds bytes that no readiness will tell of: they are read at the end of the turn.
    private var readAgain = false
    private var registration: Registration?
    private var handler: (any ConnectionHandler)?
    /// Produced but not taken by the kernel yet; `written` bytes of it are gone.
    private var unwritten: [UInt8] = []
    private var written = 0
    private var isSlow = false
    private var turnEndAsked = false
    private var readingPaused = false
    private var closing = false
    private var lingering = false
    /// Thrown away since it was to be closed.
    private var discarded = 0
    /// When it is closed, whatever is left.
    private var lastMoment: IOTimer?

    static let readSize = 16 * 1_024
    static let writeSize = 64 * 1_024
    /// How long a peer may take to read our last words.
    private static let patience = Duration.seconds(1)
    /// What a peer may still send when we are through with it: one that floods would have the loop
    /// read for it as long as its patience lasts.
    private static let maxDiscardedBytes = 256 * 1_024
    /// Writes in one turn, so that one fast reader doesn't starve the other connections.
    private static let writesPerTurn = 4

    /// Takes over a connected, non-blocking descriptor.
    ///
    /// - Parameters:
    ///   - tls: Nil for plaintext.
    ///   - serverName: The host name or address that a TLS server must prove to be. Clients need it.
    ///   - handshakeTimeout: How long TLS may take until bytes can flow.
    ///   - maxHandshakes: Of a server's connections on the loop at once. The oldest beyond it is
    ///     ended: who means well is done sooner than that.
    public init(
        owning fd: Int32, peer: SocketAddress, loop: IOLoop, tls: TLSContext? = nil,
        serverName: String? = nil, handshakeTimeout: Duration = .seconds(10),
        maxHandshakes: Int = 500
    ) {
        precondition(loop.isOnLoop)
        self.loop = loop
        self.peer = peer
        self.serverName = serverName
        self.handshakeTimeout = handshakeTimeout
        self.maxHandshakes = maxHandshakes
        context = tls
        isEstablished = tls == nil
        let socket = Socket(owning: fd)
        // What is written here is meant to go at once: writes are gathered already.
        if case .unix = peer {} else { try? socket.setOption(Int32(IPPROTO_TCP), TCP_NODELAY, 1) }
        self.socket = consume socket
    }

    /// Begins to read. The connection and its handler hold each other until it is closed.
    public func start(_ handler: any ConnectionHandler) throws(IOError) {
        guard let fd = descriptor else { return }
        self.handler = handler
        guard let context else {
            registration = try loop.register(fd, .read, handler: self)
            return
        }
        tls = try TLSSession(context.handle, fd: fd, serverName: serverName)
        // A client speaks first, and a connected socket can be written at once.
        registration = try loop.register(
            fd, context.role == .client ? .write : .read, handler: self)
        handshakeTimer = loop.schedule(after: handshakeTimeout) { [self] in
            close(IOError(.timedOut, operation: "TLS handshake"))
        }
        guard context.role == .server else { return }
        handshakePlace = loop.handshakes.enter(self)
        if loop.handshakes.count > maxHandshakes {
            loop.handshakes.oldest?.close(IOError(.exhausted, operation: "TLS handshake"))
        }
    }

    private func handshakeEnded() {
        handshakeTimer?.cancel()
        handshakeTimer = nil
        guard let place = handshakePlace else { return }
        handshakePlace = nil
        loop.handshakes.leave(place)
    }

    public var isClosed: Bool { socket == nil }

    /// Bytes that the kernel hasn't taken.
    public var unwrittenBytes: Int { unwritten.count - written }

    /// Says that the handler has something to write; it is asked at the end of the turn.
    public func setNeedsWrite() {
        guard !turnEndAsked, socket != nil else { return }
        turnEndAsked = true
        loop.atTurnEnd(self)
    }

    /// While paused, the peer's bytes stay in the kernel.
    public func setReadingPaused(_ paused: Bool) {
        readingPaused = paused
        if !paused { readAgainIfHeld() }
        updateInterest()
    }

    /// Closes once everything is written, after a second at the latest. What the peer still sends is
    /// thrown away.
    ///
    /// - Parameter lingering: Wait until the peer has closed as well, so that it can read all: the
    ///   kernel resets a connection that is closed with bytes unread or bytes to come, and what the
    ///   peer hasn't read by then is lost.
    public func closeWhenWritten(lingering: Bool = false) {
        guard !closing, socket != nil else { return }
        closing = true
        self.lingering = lingering
        setReadingPaused(!lingering)
        setNeedsWrite()
        closeSoon()
    }

    /// Closes in a second, whether everything is written or not.
    public func closeSoon() {
        guard lastMoment == nil, socket != nil else { return }
        lastMoment = loop.schedule(after: Self.patience) { [self] in close() }
    }

    /// Closes at once.
    public func close(_ error: IOError? = nil) {
        guard socket != nil else { return }
        lastMoment?.cancel()
        lastMoment = nil
        handshakeEnded()
        registration?.cancel()
        registration = nil
        if error == nil && isEstablished && unwrittenBytes == 0 { tls?.shutdown() }
        tls = nil
        socket = nil
        unwritten = []
        written = 0
        let handler = handler
        self.handler = nil
        handler?.closed(error)
    }

    public func ready(_ readiness: Readiness) {
        guard isEstablished else { return shakeHands() }
        if readiness.contains(.writable) || tls?.writeWantsRead == true { setNeedsWrite() }
        if !readingPaused && (readiness.contains(.readable) || tls?.readWantsWrite == true) {
            receive()
        } else if !readiness.isDisjoint(with: [.hangup, .error]) {
            // Level-triggered, and told whatever the interest: without this the loop would spin.
            close(IOError(.connectionLost, operation: "poll"))
        }
    }

    /// It and its handler would hold each other, and the loop, for ever.
    public func loopEnded() {
        close(IOError(.connectionLost, operation: "loop's end"))
    }

    private func shakeHands() {
        guard let tls else { return }
        do throws(IOError) {
            switch try tls.handshake() {
            case .wantsRead: registration?.update(.read)
            case .wantsWrite: registration?.update(.write)
            case .done:
                handshakeEnded()
                isEstablished = true
                peerIdentity = tls.peerIdentity
                setNeedsWrite()
                updateInterest()
                // What came with the end of the handshake is in OpenSSL's hands already.
                if !readingPaused { receive() }
            }
        } catch {
            close(error)
        }
    }

    private func receive() {
        do throws(IOError) {
            let count = try read()
            if count == 0 { return close() }
            if closing, let count {
                discarded += count
                if discarded > Self.maxDiscardedBytes { return close() }
            }
            guard tls != nil else { return }
            readAgainIfHeld()
            updateInterest()
        } catch {
            close(error)
        }
    }

    private func readAgainIfHeld() {
        guard let tls, !tls.isDrained else { return }
        readAgain = true
        setNeedsWrite()
    }

    /// - Returns: 0 at the end of the stream, nil when nothing is there.
    private func read() throws(IOError) -> Int? {
        try unsafe withUnsafeTemporaryAllocation(byteCount: Self.readSize, alignment: 16) {
            room throws(IOError) -> Int? in
            let arrived =
                if let tls {
                    try unsafe tls.read(into: room)
                } else {
                    try unsafe socket?.read(into: room)
                }
            guard let count = arrived else { return nil }
            if count > 0 && !closing {
                let bytes = unsafe UnsafeRawBufferPointer(rebasing: room[..<count])
                unsafe bytes.withMemoryRebound(to: UInt8.self) { bytes in
                    unsafe handler?.received(bytes.span)
                }
            }
            return count
        }
    }

    public func turnEnded() {
        turnEndAsked = false
        guard isEstablished else {
            // Nothing can have been promised to the peer yet.
            if closing { close() }
            return
        }
        guard socket != nil else { return }
        do throws(IOError) {
            try writeWhatThereIs()
        } catch {
            return close(error)
        }
        guard readAgain else { return }
        readAgain = false
        if !readingPaused { receive() }
    }

    private func writeWhatThereIs() throws(IOError) {
        for _ in 0..<Self.writesPerTurn {
            if unwrittenBytes > 0 {
                written += try write(from: unwritten, written)
                guard unwrittenBytes == 0 else { return updateInterest() }
                unwritten = []
                written = 0
            }
            guard let handler else { return }
            var output = loop.takeOutputBuffer()
            // What is kept for a peer that took less than it was given last time is less as well.
            let limit = isSlow ? Self.readSize : Self.writeSize
            handler.produce(into: &output, limit: limit)
            guard !output.isEmpty else {
                loop.giveBack(&output)
                return closing ? closeOrLinger() : updateInterest()
            }
            let count = try write(from: output, 0)
            isSlow = count < output.count
            let full = count >= limit
            // A copy of the rest, so that many slow peers don't hold a whole buffer each.
            if isSlow { unwritten = Array(output[count...]) }
            loop.giveBack(&output)
            if isSlow {
                handler.kept(bytes: unwrittenBytes)
                return updateInterest()
            }
            if !full && !closing { return updateInterest() }
        }
        setNeedsWrite()
    }

    private func closeOrLinger() {
        guard lingering else { return close() }
        tls?.shutdown()
        socket?.shutdownWrites()
        updateInterest()
    }

    private func write(from bytes: [UInt8], _ offset: Int) throws(IOError) -> Int {
        var count = 0
        var failure: IOError?
        unsafe bytes.withUnsafeBytes { all in
            let rest = unsafe UnsafeRawBufferPointer(rebasing: all[offset...])
            do throws(IOError) {
                if let tls {
                    count = try unsafe tls.write(rest)
                } else {
                    count = try unsafe socket?.write(rest) ?? 0
                }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return count
    }

    private func updateInterest() {
        var interest: Interest = readingPaused ? [] : .read
        if unwrittenBytes > 0 { interest.insert(.write) }
        if let tls { tls.cross(&interest) }
        registration?.update(interest)
    }

    private var descriptor: Int32? {
        switch socket {
        case .some(let socket): socket.fd
        case .none: nil
        }
    }
}
