import GRPC
import IO
import Telemetry

/// A server that can be stopped and started again at its address.
final class TestNode: Sendable {
    let port: Int
    private let loops: IOLoopGroup
    private let handlers: [RPCHandler]
    private let configuration: RPCServerConfiguration
    private let running = Lock<(server: RPCServer, task: Task<Void, any Error>)?>(nil)

    private init(
        _ loops: IOLoopGroup, _ handlers: [RPCHandler], _ configuration: RPCServerConfiguration,
        port: Int
    ) {
        self.loops = loops
        self.handlers = handlers
        self.configuration = configuration
        self.port = port
    }

    var address: SocketAddress { .ipv4([127, 0, 0, 1], port: port) }

    /// Below those that the system gives to whoever wants any: nobody else takes it while the node is
    /// down.
    private static let ports = 10_000..<30_000

    /// A node that runs, at a free port.
    static func start(
        _ loops: IOLoopGroup, _ handlers: [RPCHandler],
        configuration: RPCServerConfiguration = RPCServerConfiguration()
    ) async throws -> TestNode {
        while true {
            let node = TestNode(loops, handlers, configuration, port: .random(in: ports))
            do {
                try await node.start()
                return node
            } catch let error as IOError where error.code == .addressInUse {}
        }
    }

    func start() async throws {
        let server = RPCServer(
            services: [TestServer.Handlers(rpcHandlers: handlers)], configuration: configuration,
            loops: loops, logger: .silent)
        _ = try await server.bind(host: "127.0.0.1", port: port)
        running.withLock { $0 = (server, Task { try await server.run() }) }
    }

    /// Stops in good order.
    func stop(grace: Duration = .seconds(60)) async throws {
        guard let (server, task) = running.withLock({ $0.take() }) else { return }
        await server.shutdown(grace: grace)
        try await task.value
    }

    /// Ends every call and connection at once.
    func kill() async throws {
        guard let (_, task) = running.withLock({ $0.take() }) else { return }
        task.cancel()
        try await task.value
    }

    /// Runs the body with so many nodes, each with the handlers that it is given for its number.
    static func with<Result: Sendable>(
        _ count: Int, configuration: RPCServerConfiguration = RPCServerConfiguration(),
        handlers: (Int) -> [RPCHandler],
        body: ([TestNode], IOLoopGroup) async throws -> Result
    ) async throws -> Result {
        let loops = try IOLoopGroup(count: 2, name: "test")
        var nodes: [TestNode] = []
        for number in 0..<count {
            nodes.append(try await start(loops, handlers(number), configuration: configuration))
        }
        let result: Swift.Result<Result, any Error>
        do {
            result = .success(try await body(nodes, loops))
        } catch {
            result = .failure(error)
        }
        for node in nodes { try await node.stop(grace: .zero) }
        loops.stop()
        return try result.get()
    }
}

extension Test {
    static let who = method("Who", .unary)

    /// Answers with the server's number.
    static func who(_ number: Int) -> RPCHandler {
        RPCHandler(who) { requests, responses, _ in
            _ = try await requests.single()
            try await responses.send([UInt8(number)])
        }
    }
}

/// As ``until(_:)``, for what an actor knows.
func until(_ condition: () async -> Bool) async {
    while await !condition() { await Task.yield() }
}
