import IO
import Telemetry

func withLoop(_ body: (IOLoop) async throws -> Void) async throws {
    let loop = try IOLoop(name: "test")
    do {
        try await body(loop)
    } catch {
        loop.stop()
        throw error
    }
    loop.stop()
}

func onLoop<T>(
    _ loop: IOLoop, _ continuation: CheckedContinuation<T, any Error>,
    _ body: @escaping @Sendable () throws -> Void
) {
    loop.execute {
        do {
            try body()
        } catch {
            continuation.resume(throwing: error)
        }
    }
}

/// Accepts on a free loopback port.
func listen(
    on loop: IOLoop, tls: TLSContext? = nil, handshakeTimeout: Duration = .seconds(60),
    _ handler: @escaping (Connection) -> any ConnectionHandler
) throws -> Listener {
    let listener = try Listener(.ipv4([127, 0, 0, 1], port: 0), on: loop, logger: .silent)
    try listener.start { fd, peer in
        let connection = Connection(
            owning: fd, peer: peer, loop: loop, tls: tls, handshakeTimeout: handshakeTimeout)
        try? connection.start(handler(connection))
        return true
    }
    return listener
}

func connect<T>(
    to address: SocketAddress, on loop: IOLoop, tls: TLSContext? = nil, serverName: String? = nil,
    _ continuation: CheckedContinuation<T, any Error>,
    _ body: @escaping (Connection) throws -> Void
) throws {
    _ = try Connector(to: address, on: loop, timeout: .seconds(10)) { result in
        do {
            let fd = try result.get()
            try body(
                Connection(
                    owning: fd, peer: address, loop: loop, tls: tls, serverName: serverName))
        } catch {
            continuation.resume(throwing: error)
        }
    }
}

/// Sends back what comes; while its output is full it doesn't read.
final class Echo: ConnectionHandler {
    private let connection: Connection
    private var waiting: [UInt8] = []

    init(_ connection: Connection) { self.connection = connection }

    func received(_ bytes: Span<UInt8>) {
        for index in bytes.indices { waiting.append(bytes[index]) }
        connection.setReadingPaused(waiting.count > 100_000)
        connection.setNeedsWrite()
    }

    func produce(into output: inout [UInt8], limit: Int) {
        output += waiting
        waiting = []
        connection.setReadingPaused(false)
    }

    func closed(_ error: IOError?) {}
}

final class Closer: ConnectionHandler {
    init(_ connection: Connection, lingering: Bool = false) {
        connection.closeWhenWritten(lingering: lingering)
    }

    func received(_ bytes: Span<UInt8>) {}
    func produce(into output: inout [UInt8], limit: Int) {}
    func closed(_ error: IOError?) {}
}

final class Listening: ConnectionHandler {
    private let heard: (IOError?) -> Void
    init(_ heard: @escaping (IOError?) -> Void) { self.heard = heard }
    func received(_ bytes: Span<UInt8>) {}
    func produce(into output: inout [UInt8], limit: Int) {}
    func closed(_ error: IOError?) { heard(error) }
}

/// Sends without end, and says how much it was when the connection ends.
final class Flood: ConnectionHandler {
    private let done: (Int) -> Void
    private var sent = 0

    init(_ done: @escaping (Int) -> Void) { self.done = done }

    func received(_ bytes: Span<UInt8>) {}

    func produce(into output: inout [UInt8], limit: Int) {
        output += [UInt8](repeating: 0, count: limit)
        sent += limit
    }

    func closed(_ error: IOError?) { done(sent) }
}

/// Sends so many bytes, each its own number, and checks that they come back.
final class Sender: ConnectionHandler {
    private let connection: Connection
    private let total: Int
    private let done: (Int) -> Void
    private var sent = 0
    private var received = 0

    init(_ connection: Connection, total: Int, _ done: @escaping (Int) -> Void) {
        self.connection = connection
        self.total = total
        self.done = done
    }

    func produce(into output: inout [UInt8], limit: Int) {
        let end = min(total, sent + limit)
        for number in sent..<end { output.append(UInt8(truncatingIfNeeded: number &* 31)) }
        sent = end
    }

    func received(_ bytes: Span<UInt8>) {
        for index in bytes.indices {
            guard bytes[index] == UInt8(truncatingIfNeeded: received &* 31) else {
                return connection.close()
            }
            received += 1
        }
        if received == total { connection.close() }
    }

    func closed(_ error: IOError?) { done(received) }
}
