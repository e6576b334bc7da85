import IO
import Synchronization
import Telemetry
import Testing

@Suite struct ConnectionTests {
    @Test func `bytes come back from an echo, also more than the sockets hold`() async throws {
        try await withLoop { loop in
            let total = 8 * 1_024 * 1_024
            let received = try await withCheckedThrowingContinuation {
                (continuation: CheckedContinuation<Int, any Error>) in
                onLoop(loop, continuation) {
                    let listener = try listen(on: loop) { Echo($0) }
                    try connect(to: listener.address, on: loop, continuation) { connection in
                        let sender = Sender(connection, total: total) { result in
                            listener.stop()
                            continuation.resume(returning: result)
                        }
                        try connection.start(sender)
                        connection.setNeedsWrite()
                    }
                }
            }
            #expect(received == total)
        }
    }

    @Test func `a peer that closes is heard of without an error`() async throws {
        try await withLoop { loop in
            let error = try await withCheckedThrowingContinuation {
                (continuation: CheckedContinuation<IOError?, any Error>) in
                onLoop(loop, continuation) {
                    let listener = try listen(on: loop) { connection in
                        Closer(connection)
                    }
                    try connect(to: listener.address, on: loop, continuation) { connection in
                        try connection.start(
                            Listening {
                                listener.stop()
                                continuation.resume(returning: $0)
                            })
                    }
                }
            }
            #expect(error == nil)
        }
    }

    @Test func `nobody listening is a lost connection`() async throws {
        try await withLoop { loop in
            let error = await #expect(throws: IOError.self) {
                try await withCheckedThrowingContinuation {
                    (continuation: CheckedContinuation<Void, any Error>) in
                    onLoop(loop, continuation) {
                        try connect(
                            to: .ipv4([127, 0, 0, 1], port: 1), on: loop, continuation
                        ) { _ in continuation.resume() }
                    }
                }
            }
            #expect(error?.code == .connectionLost)
        }
    }

    @Test func `a connect that is cancelled says so`() async throws {
        try await withLoop { loop in
            let error = await #expect(throws: IOError.self) {
                try await withCheckedThrowingContinuation {
                    (continuation: CheckedContinuation<Int32, any Error>) in
                    onLoop(loop, continuation) {
                        // An address that is reserved for documentation: nobody answers.
                        try Connector(
                            to: .ipv4([192, 0, 2, 1], port: 9), on: loop, timeout: .seconds(60)
                        ) { continuation.resume(with: $0) }.cancel()
                    }
                }
            }
            #expect(error?.code == .closed || error?.code == .badAddress)
        }
    }

    @Test func `a port in use is refused`() async throws {
        try await withLoop { loop in
            let error = await #expect(throws: IOError.self) {
                try await withCheckedThrowingContinuation {
                    (continuation: CheckedContinuation<Void, any Error>) in
                    onLoop(loop, continuation) {
                        let first = try listen(on: loop) { Echo($0) }
                        defer { first.stop() }
                        _ = try Listener(first.address, on: loop, logger: .silent)
                        continuation.resume()
                    }
                }
            }
            #expect(error?.code == .addressInUse)
        }
    }
}

private func withLoop(_ body: (IOLoop) async throws -> Void) async throws {
    let loop = try IOLoop(name: "test")
    do {
        try await body(loop)
    } catch {
        loop.stop()
        throw error
    }
    loop.stop()
}

private func onLoop<T>(
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

private func listen(
    on loop: IOLoop, _ handler: @escaping (Connection) -> any ConnectionHandler
) throws -> Listener {
    let listener = try Listener(.ipv4([127, 0, 0, 1], port: 0), on: loop, logger: .silent)
    try listener.start { fd, peer in
        let connection = Connection(owning: fd, peer: peer, loop: loop)
        try? connection.start(handler(connection))
    }
    return listener
}

private func connect<T>(
    to address: SocketAddress, on loop: IOLoop, _ continuation: CheckedContinuation<T, any Error>,
    _ body: @escaping (Connection) throws -> Void
) throws {
    _ = try Connector(to: address, on: loop, timeout: .seconds(10)) { result in
        do {
            let fd = try result.get()
            try body(Connection(owning: fd, peer: address, loop: loop))
        } catch {
            continuation.resume(throwing: error)
        }
    }
}

/// Sends back what comes; while its output is full it doesn't read.
private final class Echo: ConnectionHandler {
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

private final class Closer: ConnectionHandler {
    init(_ connection: Connection) { connection.closeWhenWritten() }
    func received(_ bytes: Span<UInt8>) {}
    func produce(into output: inout [UInt8], limit: Int) {}
    func closed(_ error: IOError?) {}
}

private final class Listening: ConnectionHandler {
    private let heard: (IOError?) -> Void
    init(_ heard: @escaping (IOError?) -> Void) { self.heard = heard }
    func received(_ bytes: Span<UInt8>) {}
    func produce(into output: inout [UInt8], limit: Int) {}
    func closed(_ error: IOError?) { heard(error) }
}

/// Sends so many bytes, each its own number, and checks that they come back.
private final class Sender: ConnectionHandler {
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
