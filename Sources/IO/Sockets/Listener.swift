internal import Glibc
public import Telemetry

/// A socket that accepts connections. Used on its loop's thread alone.
public final class Listener: ReadinessHandler {
    /// With the port the system chose when 0 was asked for.
    public let address: SocketAddress
    private let socket: Socket
    /// Of a Unix socket's file, which goes with us.
    private let file: FileIdentity?
    private let loop: IOLoop
    private let logger: Logger
    private var registration: Registration?
    private var resumption: IOTimer?
    /// The descriptor accepted last: the system gives out the lowest that is free.
    private var newest: Int32 = 0
    private var isPaused = false
    /// Told when accepting pauses because the process is short of descriptors.
    public var paused: (() -> Void)?
    private var accepted: ((_ fd: Int32, _ peer: SocketAddress) -> Bool)?
    private var refusedInARow = 0

    /// Accepted in one turn, so that a crowd at the door doesn't starve those inside.
    private static let perTurn = 16
    /// After so many that were all refused it rests: a flood waits in the kernel's queue, where that
    /// costs those inside nothing.
    private static let refusalsBeforeRest = 16
    private static let rest = Duration.milliseconds(5)
    /// How long to wait when the process is out of descriptors.
    private static let pause = Duration.milliseconds(100)

    /// Binds and listens; connections queue in the kernel until ``start(_:)``. A Unix socket that a
    /// process left behind is replaced when nobody answers there.
    ///
    /// - Throws: ``IOError``: `.addressInUse`, `.badAddress`.
    public init(
        _ address: SocketAddress, on loop: IOLoop, backlog: Int32 = 1_024, logger: Logger
    ) throws(IOError) {
        precondition(loop.isOnLoop)
        socket = try Socket(for: address)
        try socket.setOption(SOL_SOCKET, SO_REUSEADDR, 1)
        if case .ipv6 = address { try socket.setOption(Int32(IPPROTO_IPV6), IPV6_V6ONLY, 0) }
        switch address {
        case .unix(let path):
            file = try socket.bind(unixPath: path)
            self.address = address
        default:
            file = nil
            try socket.bind(address)
            self.address = socket.localAddress
        }
        try socket.listen(backlog: backlog)
        self.loop = loop
        self.logger = logger
    }

    /// - Parameter accepted: Takes over a non-blocking descriptor; says whether the connection was
    ///   wanted.
    public func start(
        _ accepted: @escaping (_ fd: Int32, _ peer: SocketAddress) -> Bool
    ) throws(IOError) {
        self.accepted = accepted
        registration = try loop.register(socket.fd, .read, handler: self)
    }

    /// Accepts no more. Who waits in the kernel's queue is refused when the listener goes.
    public func stop() {
        resumption?.cancel()
        resumption = nil
        registration?.cancel()
        registration = nil
        accepted = nil
        paused = nil
        if case .unix(let path) = address, FileIdentity(path) == file { unsafe unlink(path) }
    }

    /// Closes an accepted descriptor that nobody wants.
    public static func refuse(_ fd: Int32) {
        _ = Socket(owning: fd)
    }

    public func ready(_ readiness: Readiness) {
        do {
            for _ in 0..<Self.perTurn {
                guard hasRoom else { return pause(nil) }
                guard let accepted, let (fd, peer) = try socket.accept() else { break }
                newest = fd
                refusedInARow = accepted(fd, peer) ? 0 : refusedInARow + 1
                if refusedInARow >= Self.refusalsBeforeRest { return rest() }
            }
            resumed()
        } catch {
            pause(error)
        }
    }

    private func rest() {
        refusedInARow = 0
        registration?.update([])
        resumption = loop.schedule(after: Self.rest) { [self] in registration?.update(.read) }
    }

    private var hasRoom: Bool { DescriptorLimit.hasRoom(after: newest, copying: socket.fd) }

    /// Looks again in a while: somebody has to leave first. Told once, not at each look.
    private func pause(_ error: IOError?) {
        registration?.update([])
        resumption = loop.schedule(after: Self.pause) { [self] in
            guard hasRoom else { return pause(nil) }
            registration?.update(.read)
        }
        guard !isPaused else { return }
        isPaused = true
        paused?()
        logger.error(
            "Accepting connections pauses",
            [
                .address: .init("\(address)"),
                .reason: .init(error.map { "\($0)" } ?? "open files are near their limit"),
                .limit: .init(DescriptorLimit.current),
            ])
    }

    private func resumed() {
        guard isPaused else { return }
        isPaused = false
        logger.info("Accepting connections goes on", [.address: .init("\(address)")])
    }
}
