import GRPC
import HTTP2
import IO
import Synchronization
import Telemetry

/// A server on a free loopback port, and a channel to it.
struct TestServer {
    let channel: ClientChannel
    let server: RPCServer
    let address: SocketAddress
    let loops: IOLoopGroup
    let metrics: MetricsRegistry

    static func with<Result: Sendable>(
        _ handlers: [RPCHandler], interceptors: [any RPCInterceptor] = [],
        configuration: RPCServerConfiguration = RPCServerConfiguration(),
        client: ClientConfiguration = ClientConfiguration(), logger: Logger = .silent,
        progressInterval: Duration = .seconds(600),
        _ body: (TestServer) async throws -> Result
    ) async throws -> Result {
        let loops = try IOLoopGroup(count: 2, name: "test")
        let metrics = MetricsRegistry()
        var (configuration, client) = (configuration, client)
        // Few tests are about these, and on a busy machine any peer is slow.
        configuration.http2.progressInterval = progressInterval
        client.connectTimeout = .seconds(600)
        let server = RPCServer(
            services: [Handlers(rpcHandlers: handlers)], interceptors: interceptors,
            configuration: configuration, loops: loops, metrics: metrics, logger: logger)
        let address = try await server.bind(host: "127.0.0.1", port: 0)
        async let running: Void = server.run()
        let channel = ClientChannel(
            host: "127.0.0.1", port: address.port, loops: loops, configuration: client)
        let test = TestServer(
            channel: channel, server: server, address: address, loops: loops,
            metrics: metrics)
        let result: Swift.Result<Result, any Error>
        do {
            result = .success(try await body(test))
        } catch {
            result = .failure(error)
        }
        await channel.close()
        await server.shutdown(grace: .zero)
        try await running
        loops.stop()
        return try result.get()
    }

    /// A connection of its own.
    func otherChannel() -> ClientChannel {
        ClientChannel(host: "127.0.0.1", port: address.port, loops: loops)
    }

    /// A `google.rpc.Status` with that code and message, and a RetryInfo of one second.
    static func retryInfo(_ error: RPCError?) -> [UInt8]? {
        guard let error else { return nil }
        let type = Array("type.googleapis.com/google.rpc.RetryInfo".utf8)
        let message = Array(error.message.utf8)
        return [8, UInt8(error.code.rawValue), 18, UInt8(message.count)] + message
            + [26, UInt8(type.count + 8), 10, UInt8(type.count)] + type + [18, 4, 10, 2, 8, 1]
    }

    /// How often a limit was hit.
    func hits(_ limit: RuntimeLimit) -> UInt64 {
        metrics.counter(
            "apus_grpc_limit_hits_total", help: "", labels: [.init(.limit, limit.description)]
        ).value
    }

    struct Handlers: RPCService {
        let rpcHandlers: [RPCHandler]
    }
}

/// Methods to serve in tests, by name.
enum Test {
    static func method(_ name: String, _ kind: RPCKind) -> RPCMethod {
        RPCMethod(service: "test.Service", name: name, kind: kind)
    }

    static let echo = RPCHandler(method("Echo", .unary)) { requests, responses, _ in
        try await responses.send(try await requests.single())
    }

    static let collect = RPCHandler(
        method("Collect", .clientStreaming)
    ) { requests, responses, _ in
        var all: [UInt8] = []
        for try await request in requests { all += request }
        try await responses.send(all)
    }

    /// Answers each byte of the request with a message.
    static let expand = RPCHandler(
        method("Expand", .serverStreaming)
    ) { requests, responses, _ in
        for byte in try await requests.single() { try await responses.send([byte]) }
    }

    static let chat = RPCHandler(
        method("Chat", .bidirectionalStreaming)
    ) { requests, responses, _ in
        for try await request in requests { try await responses.send(request.reversed()) }
    }

    static let all = [echo, collect, expand, chat]
}

/// Waits, in yields, for what another thread is about to do.
func until(_ condition: () -> Bool) async {
    while !condition() { await Task.yield() }
}

/// Suspends until the task is cancelled.
func waitForCancellation() async throws {
    for await _ in AsyncStream<Never>.makeStream().stream {}
    try Task.checkCancellation()
}

final class Tally: Sendable {
    private let count = Atomic<Int>(0)
    var value: Int { count.load(ordering: .sequentiallyConsistent) }
    func add() { count.add(1, ordering: .sequentiallyConsistent) }
    func reset() { count.store(0, ordering: .sequentiallyConsistent) }
}

extension RPCStatusCode {
    /// The status that the body ends with; nil when it throws none.
    static func thrown(by body: () async throws -> Void) async -> RPCStatusCode? {
        do {
            try await body()
            return nil
        } catch let error as RPCError {
            return error.code
        } catch {
            return nil
        }
    }
}
