internal import Glibc

/// One attempt to connect. Used on its loop's thread alone.
public final class Connector: ReadinessHandler {
    private let loop: IOLoop
    private var socket: Socket?
    private var registration: Registration?
    private var timer: IOTimer?
    private var completion: ((Result<Int32, IOError>) -> Void)?

    /// Starts; the completion is called once, later, with a connected non-blocking descriptor that
    /// the caller takes over.
    public init(
        to address: SocketAddress, on loop: IOLoop, timeout: Duration,
        completion: @escaping (Result<Int32, IOError>) -> Void
    ) throws(IOError) {
        precondition(loop.isOnLoop)
        self.loop = loop
        self.completion = completion
        let socket = try Socket(for: address)
        _ = try socket.connect(address)
        let fd = socket.fd
        self.socket = consume socket
        // Also when connected at once: the socket is then writable at once.
        registration = try loop.register(fd, .write, handler: self)
        timer = loop.schedule(after: timeout) { [self] in
            finish(.failure(IOError(.timedOut, operation: "connect")))
        }
    }

    /// Gives up; the completion hears `.closed`.
    public func cancel() {
        finish(.failure(IOError(.closed, operation: "connect")))
    }

    public func ready(_ readiness: Readiness) {
        registration?.cancel()
        registration = nil
        guard let socket = socket.take() else { return }
        do throws(IOError) {
            try socket.pendingError()
            finish(.success(socket.release()))
        } catch {
            finish(.failure(error))
        }
    }

    private func finish(_ result: Result<Int32, IOError>) {
        timer?.cancel()
        timer = nil
        registration?.cancel()
        registration = nil
        socket = nil
        let completion = completion
        self.completion = nil
        completion?(result)
    }
}
