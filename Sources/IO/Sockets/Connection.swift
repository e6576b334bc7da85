internal import Glibc

/// What a connection carries bytes for. Called on the loop's thread.
public protocol ConnectionHandler: AnyObject {
    /// Bytes as they came; the span is valid during the call.
    func received(_ bytes: Span<UInt8>)

    /// Appends what there is to write, about `limit` bytes of it. Called only when all that came
    /// before is written, so a slow peer holds back its own producer and no memory.
    func produce(into output: inout [UInt8], limit: Int)

    /// It is over. `error` is nil when either side closed in good order.
    func closed(_ error: IOError?)
}

/// A non-blocking byte stream on a loop. Used on the loop's thread alone.
///
/// Reads 16 KiB in a turn, so that what these bytes caused (an acknowledgement, say) is written
/// before more of them come. Writes at the end of the turn, all in one call.
///
/// TCP today. A Unix socket needs no change here; TLS goes into ``read()`` and ``write(from:)``.
public final class Connection: ReadinessHandler, TurnEndHandler {
    public let loop: IOLoop
    public let peer: SocketAddress
    /// Nil when closed.
    private var socket: Socket?
    private var registration: Registration?
    private var handler: (any ConnectionHandler)?
    /// Produced but not taken by the kernel yet; `written` bytes of it are gone.
    private var unwritten: [UInt8] = []
    private var written = 0
    private var turnEndAsked = false
    private var readingPaused = false
    private var closing = false
    private var lingering = false
    /// When it is closed, whatever is left.
    private var lastMoment: IOTimer?

    static let readSize = 16 * 1_024
    static let writeSize = 64 * 1_024
    /// How long a peer may take to read our last words.
    private static let patience = Duration.seconds(1)
    /// Writes in one turn, so that one fast reader doesn't starve the other connections.
    private static let writesPerTurn = 4

    /// Takes over a connected, non-blocking descriptor.
    public init(owning fd: Int32, peer: SocketAddress, loop: IOLoop) {
        precondition(loop.isOnLoop)
        self.loop = loop
        self.peer = peer
        let socket = Socket(owning: fd)
        // What is written here is meant to go at once: writes are gathered already.
        if case .unix = peer {} else { try? socket.setOption(Int32(IPPROTO_TCP), TCP_NODELAY, 1) }
        self.socket = consume socket
    }

    /// Begins to read. The connection and its handler hold each other until it is closed.
    public func start(_ handler: any ConnectionHandler) throws(IOError) {
        guard let fd = descriptor else { return }
        self.handler = handler
        registration = try loop.register(fd, .read, handler: self)
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
        registration?.cancel()
        registration = nil
        socket = nil
        unwritten = []
        written = 0
        let handler = handler
        self.handler = nil
        handler?.closed(error)
    }

    public func ready(_ readiness: Readiness) {
        if readiness.contains(.writable) { setNeedsWrite() }
        if readiness.contains(.readable) && !readingPaused {
            receive()
        } else if !readiness.isDisjoint(with: [.hangup, .error]) {
            // Level-triggered, and told whatever the interest: without this the loop would spin.
            close(IOError(.connectionLost, operation: "poll"))
        }
    }

    private func receive() {
        do throws(IOError) {
            guard let count = try read() else { return }
            if count == 0 { close() }
        } catch {
            close(error)
        }
    }

    /// - Returns: 0 at the end of the stream, nil when nothing is there.
    private func read() throws(IOError) -> Int? {
        try unsafe withUnsafeTemporaryAllocation(byteCount: Self.readSize, alignment: 16) {
            room throws(IOError) -> Int? in
            guard let count = try unsafe socket?.read(into: room) else { return nil }
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
        guard socket != nil else { return }
        do throws(IOError) {
            try writeWhatThereIs()
        } catch {
            close(error)
        }
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
            handler.produce(into: &output, limit: Self.writeSize)
            guard !output.isEmpty else {
                loop.giveBack(&output)
                return closing ? closeOrLinger() : updateInterest()
            }
            let count = try write(from: output, 0)
            guard count == output.count else {
                unwritten = output
                written = count
                return updateInterest()
            }
            let full = count >= Self.writeSize
            loop.giveBack(&output)
            if !full && !closing { return updateInterest() }
        }
        setNeedsWrite()
    }

    private func closeOrLinger() {
        guard lingering else { return close() }
        socket?.shutdownWrites()
        updateInterest()
    }

    private func write(from bytes: [UInt8], _ offset: Int) throws(IOError) -> Int {
        var count = 0
        var failure: IOError?
        unsafe bytes.withUnsafeBytes { all in
            let rest = unsafe UnsafeRawBufferPointer(rebasing: all[offset...])
            do throws(IOError) {
                count = try unsafe socket?.write(rest) ?? 0
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
        registration?.update(interest)
    }

    private var descriptor: Int32? {
        switch socket {
        case .some(let socket): socket.fd
        case .none: nil
        }
    }
}
