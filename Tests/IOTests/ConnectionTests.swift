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

    @Test func `a loop that ends closes its connections, and lets go of them`() async throws {
        weak var ended: IOLoop?
        let farewells = Mutex<[IOError?]>([])
        do {
            let loop = try IOLoop(name: "test")
            ended = loop
            try await withCheckedThrowingContinuation {
                (started: CheckedContinuation<Void, any Error>) in
                onLoop(loop, started) {
                    let listener = try listen(on: loop) { Echo($0) }
                    try connect(to: listener.address, on: loop, started) { connection in
                        try connection.start(
                            Holder(connection) { error in
                                farewells.withLock { $0.append(error) }
                            })
                        started.resume()
                    }
                }
            }
            loop.stop()
        }
        #expect(ended == nil)
        #expect(farewells.withLock { $0.map(\.?.code) } == [.connectionLost])
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

    @Test func `a peer that floods a closing connection is not read for long`() async throws {
        try await withLoop { loop in
            let sent = try await withCheckedThrowingContinuation {
                (continuation: CheckedContinuation<Int, any Error>) in
                onLoop(loop, continuation) {
                    let listener = try listen(on: loop) { Closer($0, lingering: true) }
                    try connect(to: listener.address, on: loop, continuation) { connection in
                        let flood = Flood { sent in
                            listener.stop()
                            continuation.resume(returning: sent)
                        }
                        try connection.start(flood)
                        // Else it would hear of the end, and close.
                        connection.setReadingPaused(true)
                        connection.setNeedsWrite()
                    }
                }
            }
            // A quarter of a MiB, and what the kernel holds.
            #expect(sent < 16 << 20)
        }
    }
}

/// Holds its connection, as most handlers do.
private final class Holder: ConnectionHandler {
    private let connection: Connection
    private let heard: (IOError?) -> Void

    init(_ connection: Connection, _ heard: @escaping (IOError?) -> Void) {
        self.connection = connection
        self.heard = heard
    }

    func received(_ bytes: Span<UInt8>) {}
    func produce(into output: inout [UInt8], limit: Int) {}
    func closed(_ error: IOError?) { heard(error) }
}
