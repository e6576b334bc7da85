import HTTP2
import IO
import Telemetry

/// A server's listeners, on the group's first loop; hands each connection to the loop
/// that has the fewest.
actor Door {
    nonisolated let loop: IOLoop
    private let core: ServerCore
    private let loops: IOLoopGroup
    private var listeners: [(listener: Listener, tls: TLSContext?)] = []
    private var timer: IOTimer?

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(loop: IOLoop, core: ServerCore, loops: IOLoopGroup) {
        self.loop = loop
        self.core = core
        self.loops = loops
    }

    func open(_ address: SocketAddress, _ tls: TLSContext?) throws(IOError) -> SocketAddress {
        precondition(tls?.role != .client, "A client's TLS context on a server")
        let listener = try Listener(address, on: loop, logger: core.logger)
        listeners.append((listener, tls))
        return listener.address
    }

    func startAccepting() throws(IOError) {
        for (listener, tls) in listeners {
            listener.paused = { [core] in core.metrics.hit(.openFiles) }
            try listener.start { [core, loops, loop] fd, peer in
                guard core.admits(peer, at: loop.now) else {
                    Listener.refuse(fd)
                    return false
                }
                let connection = ServerConnection(
                    loop: core.idlest(of: loops), peer: peer, tls: tls, core: core)
                guard core.add(connection) else {
                    Listener.refuse(fd)
                    return false
                }
                connection.onLoop { $0.start(fd) }
                return true
            }
        }
    }

    func close() {
        for (listener, _) in listeners { listener.stop() }
        listeners = []
    }

    func after(_ delay: Duration, _ action: @escaping @Sendable () -> Void) {
        timer = loop.schedule(after: delay, action)
    }

    func forgetTimer() {
        timer?.cancel()
        timer = nil
    }

    nonisolated func onLoop(_ action: @escaping @Sendable (isolated Door) -> Void) {
        loop.execute { self.assumeIsolated(action) }
    }
}
