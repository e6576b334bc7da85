import Events
import Glibc
import Postgres
import Telemetry
import TestSupport
import Testing

@testable import PostgresLog

@Suite struct FailoverTests {
    private static func takeConnections(_ test: TestLog) async throws {
        try await TestPostgres.script(
            "alter database \(test.database.databaseName ?? "") allow_connections true",
            on: TestPostgres.maintenance)
    }

    private static func configuration(
        patience: Duration
    ) -> PostgresEventLog.Configuration {
        var configuration = PostgresEventLog.Configuration()
        configuration.patience = patience
        configuration.usesHints = false
        return configuration
    }

    @Test func `a publish with a deadline outlasts the log's patience`() async throws {
        try await TestLog.with(Self.configuration(patience: .milliseconds(50))) { test in
            _ = try await test.append(.test())
            try await test.refuseConnections()
            try await withThrowingTaskGroup(of: [AppendOutcome].self) { group in
                group.addTask {
                    try await test.log.append(
                        AppendRequest(events: [.test()], deadline: .now + .seconds(60)))
                }
                // Refused once patience is over; the other goes on waiting.
                let error = await #expect(throws: EventsError.self) {
                    try await test.append(.test())
                }
                #expect(error?.code == .unavailable)
                try await Self.takeConnections(test)
                let outcomes = try await group.next()
                #expect(outcomes == [.stored(2)])
            }
            try await expectEqual(test.history().count, 2)
        }
    }

    @Test func `a publish whose deadline passes while the store is away is told so`() async throws {
        try await TestLog.with(Self.configuration(patience: .milliseconds(50))) { test in
            _ = try await test.append(.test())
            try await test.refuseConnections()
            let error = await #expect(throws: EventsError.self) {
                try await test.log.append(
                    AppendRequest(events: [.test()], deadline: .now + .milliseconds(200)))
            }
            #expect(error?.code == .unavailable)
            try await Self.takeConnections(test)
            _ = try await test.log.append(
                AppendRequest(events: [.test()], deadline: .now + .seconds(60)))
            // What was refused is not stored later.
            try await expectEqual(test.history().count, 2)
        }
    }

    @Test func `a cancelled publish leaves the queue of a store that is away`() async throws {
        var configuration = Self.configuration(patience: .seconds(60))
        configuration.maxWaitingEvents = 2
        try await TestLog.with(configuration) { test in
            _ = try await test.append(.test())
            try await test.refuseConnections()
            for _ in 0..<20 {
                let task = Task { try await test.append(.test(), .test()) }
                task.cancel()
                await #expect(throws: CancellationError.self) { try await task.value }
            }
            try await Self.takeConnections(test)
            let outcomes = try await test.log.append(
                AppendRequest(events: [.test()], deadline: .now + .seconds(60)))
            guard case .stored = outcomes.first else {
                Issue.record("\(outcomes)")
                return
            }
        }
    }

    /// A durable server of its own, which is ended without warning again and again.
    @Test func `publishes survive immediate restarts of Postgres, each stored once`() async throws {
        try await TemporaryDirectory.with { directory in
            let server = try await LocalPostgres.start(
                LocalPostgres.Options(dataDirectory: directory + "/data"), logger: .silent)
            _ = try await Migrator(logger: .silent).run(server.configuration, on: TestLoops.next)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await server.run() }
                group.addTask {
                    try await TestLog.node(on: server.configuration) { test in
                        try await Self.writeThroughRestarts(test, server)
                    }
                }
                defer { group.cancelAll() }
                try await group.next()
            }
            await server.stop()
        }
    }

    private static func writeThroughRestarts(
        _ test: TestLog, _ server: LocalPostgres
    ) async throws {
        let answered = Lock<[UInt64: EventID]>([:])
        let isOver = Lock(false)
        let (stored, progress) = AsyncStream.makeStream(of: Void.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<8 {
                group.addTask {
                    while !isOver.withLock({ $0 }) {
                        let (position, id) = try await store(byChosenID: writer % 2 == 0, test)
                        let other = answered.withLock { $0.updateValue(id, forKey: position) }
                        #expect(other == nil)
                        progress.yield()
                    }
                }
            }
            var next = stored.makeAsyncIterator()
            for _ in 0..<3 {
                for _ in 0..<100 { await next.next() }
                server.process?.signal(SIGQUIT)
            }
            for _ in 0..<200 { await next.next() }
            isOver.withLock { $0 = true }
            try await group.waitForAll()
        }
        let history = try await test.history()
        let acknowledged = answered.withLock { $0 }
        #expect(history.map(\.position.rawValue) == Array(1...UInt64(history.count)))
        #expect(history.count == acknowledged.count)
        for event in history { #expect(acknowledged[event.position.rawValue] == event.id) }
    }

    private static func store(
        byChosenID: Bool, _ test: TestLog
    ) async throws -> (position: UInt64, id: EventID) {
        let event = NewEvent.test(
            id: EventID(high: .random(in: .min ... .max), low: .random(in: .min ... .max))
        ).with(hasCallersID: byChosenID)
        let outcomes = try await test.log.append(
            AppendRequest(events: [event], deadline: .now + .seconds(100)))
        guard case .stored(let position) = outcomes.first else {
            Issue.record("a new event was \(outcomes)")
            return (0, event.id)
        }
        return (position.rawValue, event.id)
    }
}
