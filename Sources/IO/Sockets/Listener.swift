internal import Glibc
public import Telemetry

/// A socket that accepts connections. Used on its loop's thread alone.
public final class Listener: ReadinessHandler {
    /// With the port the system chose when 0 was asked for.
    public let address: SocketAddress
    private let socket: Socket
    private let loop: IOLoop
    private let logger: Logger
    private var registration: Registration?
    private var resumption: IOTimer?
    private var accepted: ((_ fd: Int32, _ peer: SocketAddress) -> Void)?

    /// Accepted in one turn, so that a crowd at the door doesn't starve those inside.
    private static let perTurn = 64
    /// The wait when the process is out of descriptors: somebody has to leave first.
    private static let pause = Duration.milliseconds(100)

    /// Binds and listens; connections queue in the kernel until ``start(_:)``.
    ///
    /// - Throws: ``IOError``: `.addressInUse`, `.badAddress`.
    public init(
        _ address: SocketAddress, on loop: IOLoop, backlog: Int32 = 1_024, logger: Logger
    ) throws(IOError) {
        precondition(loop.isOnLoop)
        socket = try Socket(for: address)
        try socket.setOption(SOL_SOCKET, SO_REUSEADDR, 1)
        if case .ipv6 = address { try socket.setOption(Int32(IPPROTO_IPV6), IPV6_V6ONLY, 0) }
        try socket.bind(address)
        try socket.listen(backlog: backlog)
        self.address = socket.localAddress
        self.loop = loop
        self.logger = logger
    }

    /// - Parameter accepted: Takes over a non-blocking descriptor.
    public func start(
        _ accepted: @escaping (_ fd: Int32, _ peer: SocketAddress) -> Void
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
    }

    /// Closes an accepted descriptor that nobody wants.
    public static func refuse(_ fd: Int32) {
        _ = Socket(owning: fd)
    }

    public func ready(_ readiness: Readiness) {
        do {
            for _ in 0..<Self.perTurn {
                guard let accepted, let (fd, peer) = try socket.accept() else { return }
                accepted(fd, peer)
            }
        } catch {
            logger.error(
                "Can't accept connections for now",
                [.error: .init(error), .delay: .init(Self.pause)])
            registration?.update([])
            resumption = loop.schedule(after: Self.pause) { [self] in
                registration?.update(.read)
            }
        }
    }
}
