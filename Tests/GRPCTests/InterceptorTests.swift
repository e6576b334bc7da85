import IO
import Telemetry
import Testing

@testable import GRPC

/// What happened, in order.
private final class Story: Sendable {
    private let lines = Lock<[String]>([])
    var all: [String] { lines.withLock { $0 } }
    func add(_ line: String) { lines.withLock { $0.append(line) } }
}

private struct Narrator: RPCInterceptor {
    let name: String
    let story: Story

    func intercept(
        _ call: InterceptedCall, next: (InterceptedCall) async throws -> Void
    ) async throws {
        story.add("\(name) begins \(call.side) \(call.method.name)")
        var call = call
        call.metadata.append("x-by", name)
        do {
            try await next(call)
            story.add("\(name) ends")
        } catch {
            story.add("\(name) ends with \(call.code(of: error))")
            throw error
        }
    }
}

private struct Guard: RPCInterceptor {
    let allows: @Sendable (InterceptedCall) -> Bool

    func intercept(
        _ call: InterceptedCall, next: (InterceptedCall) async throws -> Void
    ) async throws {
        guard allows(call) else { throw RPCError(.permissionDenied, "not you") }
        try await next(call)
    }
}

@Suite struct InterceptorTests {
    /// Answers the names that interceptors left in the request's metadata.
    private static let names = RPCHandler(
        Test.method("Names", .bidirectionalStreaming)
    ) { requests, responses, call in
        for try await _ in requests {
            try await responses.send(
                Array(call.metadata.values("x-by").joined(separator: " ").utf8))
        }
    }

    private static let refusing = RPCHandler(Test.method("Refusing", .unary)) { _, _, _ in
        throw RPCError(.notFound, "nothing here")
    }

    private func serve(
        _ handlers: [RPCHandler], server: [any RPCInterceptor] = [],
        client: [any RPCInterceptor] = [], _ body: (TestServer) async throws -> Void
    ) async throws {
        var configuration = ClientConfiguration()
        configuration.interceptors = client
        try await TestServer.with(
            handlers, interceptors: server, client: configuration, body)
    }

    @Test func `interceptors stand around each other, the first outermost`() async throws {
        let story = Story()
        let both = [Narrator(name: "A", story: story), Narrator(name: "B", story: story)]
        try await serve(Test.all, server: both) { test in
            _ = try await test.channel.unary(Test.echo.method, [1])
        }
        #expect(
            story.all == ["A begins server Echo", "B begins server Echo", "B ends", "A ends"])
    }

    @Test func `what an interceptor sets is seen by those that follow, on both sides`() async throws
    {
        let story = Story()
        try await serve(
            [Self.names], server: [Narrator(name: "S", story: story)],
            client: [Narrator(name: "C", story: story), Narrator(name: "D", story: story)]
        ) { test in
            let answer = try await test.channel.withCall(Self.names.method) { call in
                try await call.send([])
                try await call.finishSending()
                return try await call.responses.single()
            }
            #expect(String(decoding: answer, as: UTF8.self) == "C D S")
        }
        #expect(story.all.first == "C begins client Names" && story.all.last == "C ends")
    }

    @Test func `an interceptor sees how the call ended`() async throws {
        let story = Story()
        let narrator = Narrator(name: "N", story: story)
        try await serve([Self.refusing], server: [narrator], client: [narrator]) { test in
            let code = await RPCStatusCode.thrown {
                _ = try await test.channel.unary(Self.refusing.method, [])
            }
            #expect(code == .notFound)
        }
        #expect(story.all.count { $0 == "N ends with NOT_FOUND" } == 2)
    }

    @Test func `throwing before the call goes on refuses it`() async throws {
        let runs = Tally()
        let counting = RPCHandler(Test.method("Counting", .unary)) { _, responses, _ in
            runs.add()
            try await responses.send([])
        }
        let guarding = Guard { !$0.metadata.values("x-key").isEmpty && $0.peer?.isLoopback == true }
        try await serve([counting], server: [guarding]) { test in
            let code = await RPCStatusCode.thrown {
                _ = try await test.channel.unary(counting.method, [])
            }
            #expect(code == .permissionDenied)
            var metadata = Metadata()
            metadata.append("x-key", "1")
            _ = try await test.channel.unary(
                counting.method, [], options: CallOptions(metadata: metadata))
        }
        #expect(runs.value == 1)
        try await serve([counting], client: [Guard { _ in false }]) { test in
            let code = await RPCStatusCode.thrown {
                _ = try await test.channel.unary(counting.method, [])
            }
            #expect(code == .permissionDenied)
        }
        #expect(runs.value == 1)
    }

    @Test func `an interceptor is asked once for each method`() async throws {
        struct Asked: RPCInterceptor {
            let story: Story

            func interceptor(for method: RPCMethod, on side: RPCSide) -> (any RPCInterceptor)? {
                story.add("\(side) \(method.name)")
                return nil
            }

            func intercept(
                _ call: InterceptedCall, next: (InterceptedCall) async throws -> Void
            ) async throws { story.add("a call") }
        }
        let story = Story()
        try await serve(
            [Test.echo, Test.collect], server: [Asked(story: story)],
            client: [Asked(story: story)]
        ) { test in
            for _ in 0..<3 { _ = try await test.channel.unary(Test.echo.method, [1]) }
        }
        #expect(story.all == ["server Echo", "server Collect", "client Echo"])
    }

    @Test func `a cancelled call ends with CANCELLED`() async throws {
        let story = Story()
        let waiting = RPCHandler(Test.method("Waiting", .unary)) { _, _, _ in
            try await waitForCancellation()
        }
        try await serve([waiting], server: [Narrator(name: "N", story: story)]) { test in
            async let calling = test.channel.unary(waiting.method, [])
            await until { story.all.count == 1 }
            await test.channel.close()
            _ = try? await calling
            await until { story.all.count == 2 }
        }
        #expect(story.all.last == "N ends with CANCELLED")
    }

    @Test func `what ends a call past its deadline is DEADLINE_EXCEEDED`() {
        let late = InterceptedCall(Test.echo.method, CallOptions(timeout: .zero))
        #expect(late.code(of: CancellationError()) == .deadlineExceeded)
        #expect(late.code(of: RPCError(.notFound, "")) == .notFound)
        let early = InterceptedCall(Test.echo.method, CallOptions(timeout: .seconds(1_000)))
        #expect(early.code(of: CancellationError()) == .cancelled)
    }

    @Test func `calls are counted by method and status, and timed`() async throws {
        let metrics = MetricsRegistry()
        try await serve(
            [Test.echo, Self.refusing], server: [CallMetrics(metrics)],
            client: [CallMetrics(metrics)]
        ) { test in
            for _ in 0..<3 { _ = try await test.channel.unary(Test.echo.method, [1]) }
            _ = try? await test.channel.unary(Self.refusing.method, [])
        }
        let text = metrics.exposition()
        for side in ["server", "client"] {
            for line in [
                #"started_total{method="test.Service/Echo"} 3"#,
                #"handled_total{method="test.Service/Echo",code="OK"} 3"#,
                #"handled_total{method="test.Service/Refusing",code="OK"} 0"#,
                #"handled_total{method="test.Service/Refusing",code="NOT_FOUND"} 1"#,
                #"handling_seconds_count{method="test.Service/Echo"} 3"#,
            ] {
                #expect(text.contains("grpc_\(side)_\(line)\n"), "\(line)")
            }
        }
    }

    @Test func `calls that never reach their handler are counted as well`() async throws {
        let metrics = MetricsRegistry()
        try await serve([Test.echo], server: [CallMetrics(metrics)]) { test in
            for name in ["Nobody", "Nothing"] {
                _ = try? await test.channel.unary(Test.method(name, .unary), [])
            }
            _ = try? await test.channel.unary(
                Test.echo.method, [UInt8](repeating: 0, count: 5 << 20))
            _ = try await test.channel.unary(Test.echo.method, [1])
        }
        let text = metrics.exposition()
        for line in [
            #"handled_total{method="unknown",code="UNIMPLEMENTED"} 2"#,
            #"started_total{method="unknown"} 2"#,
            #"handled_total{method="test.Service/Echo",code="RESOURCE_EXHAUSTED"} 1"#,
            #"handled_total{method="test.Service/Echo",code="OK"} 1"#,
            #"started_total{method="test.Service/Echo"} 2"#,
        ] {
            #expect(text.contains("grpc_server_\(line)\n"), "\(line)")
        }
    }

    @Test func `calls are logged at debug, and no logger above takes part`() async throws {
        let sink = Records()
        for level in [LogLevel.debug, .info] {
            let logger = Logger(label: "test", level: level, sink: sink)
            let takesPart = CallLogging(logger).interceptor(for: Test.echo.method, on: .server)
            #expect((takesPart != nil) == (level == .debug))
            try await serve([Test.echo], server: [CallLogging(logger)]) { test in
                _ = try await test.channel.unary(Test.echo.method, [1])
            }
        }
        let fields = sink.all.map(\.fields)
        #expect(fields.count == 1)
        #expect(fields.first?[.method] == "/test.Service/Echo")
        #expect(fields.first?[.status] == "OK")
        #expect(fields.first?[.peer] != nil && fields.first?[.duration] != nil)
    }

    private final class Records: LogSink {
        private let records = Lock<[LogRecord]>([])
        var all: [LogRecord] { records.withLock { $0 } }
        func write(_ record: LogRecord) { records.withLock { $0.append(record) } }
    }
}
