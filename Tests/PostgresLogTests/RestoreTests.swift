import Events
import Postgres
import Telemetry
import TestSupport
import Testing

@testable import PostgresLog

/// The store goes back to an earlier moment while a node runs on it.
@Suite struct RestoreTests {
    private static func start(_ directory: String, recover: Bool = false) async throws
        -> LocalPostgres
    {
        var options = LocalPostgres.Options(dataDirectory: directory)
        options.settings = ["shared_buffers=16MB", "restore_command=false"]
        if recover {
            // Ends on a new timeline, as a restore from a backup does.
            _ = try await TestProcess.run([
                "/usr/bin/install", "-o", "postgres", "/dev/null",
                directory + "/postgres/recovery.signal",
            ])
        }
        return try await LocalPostgres.start(options, logger: .silent)
    }

    @Test(arguments: [false, true])
    func `subscribers and publishers go on in the history that is left`(newTimeline: Bool)
        async throws
    {
        try await TemporaryDirectory.with { directory in
            let data = directory + "/data"
            let server = try await Self.start(data)
            _ = try await Migrator(logger: .silent).run(server.configuration, on: TestLoops.next)
            try await TestLog.node(on: server.configuration) { test in
                try await test.following { subscriptions in
                    for _ in 0..<5 { _ = try await test.append(.test()) }
                    var behind = try await subscriptions.open(.all)
                    var ahead = try await subscriptions.open(.all)
                    #expect(try await behind.untilLive() == Array(1...5))
                    let before = behind.epoch

                    await server.stop()
                    _ = try await TestProcess.run(["/bin/cp", "-a", data, directory + "/backup"])
                    let second = try await Self.start(data)
                    for _ in 0..<3 { _ = try await test.append(.test(tenant: "lost")) }
                    #expect(try await ahead.positions(through: 8) == Array(1...8))

                    await second.stop()
                    _ = try await TestProcess.run(["/bin/mv", data, directory + "/gone"])
                    _ = try await TestProcess.run(["/bin/mv", directory + "/backup", data])
                    let third = try await Self.start(data, recover: newTimeline)
                    try await test.scriptSoon("insert into apus.tenants (name) values ('other')")
                    // Its number is another tenant's now.
                    try await expectEqual(test.appendSoon(.test(tenant: "lost")), [.stored(6)])
                    let history = try await test.history()
                    #expect(history.map(\.tenant.rawValue).suffix(2) == ["acme", "lost"])

                    #expect(try await behind.next(6))
                    #expect(behind.epoch != before)
                    let bounds = try await test.log.bounds()
                    #expect(bounds.epoch.id == behind.epoch)
                    #expect(bounds.epochs.map(\.openedAfter.rawValue) == [0, 5])
                    let lost = await #expect(throws: EventsError.self) { try await ahead.next(9) }
                    #expect(lost?.reason == .logDiverged)
                    await third.stop()
                }
            }
        }
    }
}

extension SubscriptionRequest {
    static let all = SubscriptionRequest(filter: .everything, start: .beginning)
}

extension Subscription {
    /// The positions of what comes before the first word that all is told.
    mutating func untilLive() async throws -> [UInt64] {
        var positions: [UInt64] = []
        while let item = try await next() {
            switch item {
            case .deliveries(let events): positions += events.map(\.position.rawValue)
            case .caughtUp: return positions
            case .checkpoint: break
            }
        }
        return positions
    }

    /// What comes up to a position.
    mutating func positions(through last: UInt64) async throws -> [UInt64] {
        var positions: [UInt64] = []
        while positions.last ?? 0 < last, let item = try await next() {
            if case .deliveries(let events) = item { positions += events.map(\.position.rawValue) }
        }
        return positions
    }

    /// Whether the next event, whatever is told before it, is the one at a position.
    mutating func next(_ position: UInt64) async throws -> Bool {
        while let item = try await next() {
            guard case .deliveries(let events) = item else { continue }
            return events.first?.position == Position(position)
        }
        return false
    }
}

extension TestLog {
    /// As a client does that tries again while the store is away.
    func appendSoon(_ event: NewEvent) async throws -> [AppendOutcome] {
        while true {
            do {
                return try await append(event)
            } catch let error as EventsError where error.code == .unavailable {
                try Task.checkCancellation()
            }
        }
    }

    /// Runs SQL behind the log's back as soon as the store takes writes.
    func scriptSoon(_ sql: String) async throws {
        while true {
            do {
                return try await script(sql)
            } catch let error as PostgresError {
                guard error.storeIsAway else { throw error }
                try Task.checkCancellation()
            }
        }
    }

    /// Runs `body` with what a node's subscribers get.
    func following(
        _ configuration: EventTail.Configuration = .init(),
        _ body: @escaping @Sendable (Subscriptions) async throws -> Void
    ) async throws {
        let tail = EventTail(log: log, configuration: configuration)
        log.add(tail)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await tail.run() }
            group.addTask { try await body(Subscriptions(log: self.log, tail: tail)) }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}
