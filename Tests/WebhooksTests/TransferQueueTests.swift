import CCurl
import Glibc
import Telemetry
import Testing

@testable import IO
@testable import Webhooks

/// libcurl on a loop, with a name that leads to several addresses.
@Suite(.serialized) struct TransferQueueTests {
    @Test func `a socket that got the number of a closed one is watched as the new one it is`()
        async throws
    {
        // When the first one's time is up, the last one is tried with the number that became free.
        let outcome = try await Self.outcome(
            of: "[::1],[::1],127.0.0.2,127.0.0.1", hole: "::1", lookingEvery: .seconds(3_600))
        #expect(outcome == .answered(status: 204, retryAfter: nil))
    }

    @Test func `an address that hangs leaves time for the next one`() async throws {
        let outcome = try await Self.outcome(
            of: "127.0.0.3,127.0.0.1", hole: "127.0.0.3", lookingEvery: .milliseconds(50))
        #expect(outcome == .answered(status: 204, retryAfter: nil))
    }

    /// What comes of a request to a name of these addresses. On 127.0.0.1 somebody answers.
    ///
    /// - Parameter hole: An address where connections hang.
    private static func outcome(
        of addresses: String, hole: String, lookingEvery interval: Duration
    ) async throws -> HTTPOutcome? {
        let loop = try IOLoop(name: "transfers")
        defer { loop.stop() }
        let (bench, port) = try await run(on: loop) {
            let bench = try Bench(on: loop, lookingEvery: interval)
            return (LoopBound(bench, on: loop), bench.port)
        }
        let hole = try Hole(try #require(SocketAddress(host: hole, port: port)))
        let url = try #require(WebhookURL("http://receiver.test:\(port)/"))
        let request = HTTPRequest(
            url: url, headers: [], body: [1, 2, 3], timeLimit: .seconds(4),
            allowsPrivateAddresses: true, trustRoots: nil)
        let outcome = await withCheckedContinuation { continuation in
            loop.execute {
                bench.value.send(request, leading: "receiver.test:\(port):\(addresses)") {
                    continuation.resume(returning: $0)
                }
            }
        }
        try await run(on: loop) { bench.value.close() }
        withExtendedLifetime(hole) {}
        return outcome
    }

    private static func run<Value: Sendable>(
        on loop: IOLoop, _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            loop.execute { continuation.resume(with: Result(catching: body)) }
        }
    }
}

/// A queue, and a receiver on 127.0.0.1. Used on its loop alone.
private final class Bench {
    private let queue: TransferQueue
    private let receiver: Listener
    private var names: UnsafeMutablePointer<curl_slist>?

    init(on loop: IOLoop, lookingEvery interval: Duration) throws {
        queue = TransferQueue(on: loop, lookingEvery: interval)
        receiver = try Listener(.ipv4([127, 0, 0, 1], port: 0), on: loop, logger: .silent)
        try receiver.start { descriptor, peer in
            let connection = Connection(owning: descriptor, peer: peer, loop: loop)
            try? connection.start(Answer(connection))
            return true
        }
    }

    deinit { curl_slist_free_all(names) }

    var port: Int { receiver.address.port }

    /// - Parameter names: `HOST:PORT:ADDRESS,ADDRESS`: libcurl looks up no name.
    func send(
        _ request: HTTPRequest, leading names: String, ended: @escaping (HTTPOutcome?) -> Void
    ) {
        let transfer = Transfer(request, userAgent: "test")
        self.names = curl_slist_append(self.names, names)
        ccurl_set_object(transfer.handle, CURLOPT_RESOLVE, self.names)
        queue.start(transfer, ended: ended)
    }

    func close() {
        queue.close()
        receiver.stop()
    }
}

/// Says yes to all that comes.
private final class Answer: ConnectionHandler {
    private let connection: Connection
    private var isAsked = false

    init(_ connection: Connection) { self.connection = connection }

    func received(_ bytes: Span<UInt8>) {
        isAsked = true
        connection.setNeedsWrite()
    }

    func produce(into output: inout [UInt8], limit: Int) {
        guard isAsked else { return }
        isAsked = false
        output += Array("HTTP/1.1 204 No Content\r\n\r\n".utf8)
    }

    func closed(_ error: IOError?) {}
}

/// An address whose queue of connections is full: the kernel answers no further one.
private final class Hole {
    private var sockets: [Int32] = []

    init(_ address: SocketAddress) throws {
        let listener = try add(address.family)
        try #require(address.withSystemAddress { bind(listener, $0, $1) } == 0)
        try #require(listen(listener, 0) == 0)
        for _ in 0..<4 {
            let caller = try add(address.family)
            _ = try address.withSystemAddress { connect(caller, $0, $1) }
        }
    }

    deinit {
        for socket in sockets { close(socket) }
    }

    private func add(_ family: Int32) throws -> Int32 {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(family, type, 0)
        try #require(descriptor >= 0)
        sockets.append(descriptor)
        return descriptor
    }
}
