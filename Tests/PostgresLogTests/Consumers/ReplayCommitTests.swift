import Events
import Postgres
import Telemetry
import TestSupport
import Testing

@testable import PostgresLog

/// A replay's results beside what else happens to its handler.
@Suite struct ReplayCommitTests {
    private let id = EventID.number(1)
    private let acme = TenantID(unchecked: "acme")

    /// The event was a dead letter, so that its replay changes the projection's rows.
    private func work(on node: TestNode) async throws -> ReplayWork {
        try await node.host.register()
        _ = try await node.test.append(.test("lead-1"))
        let event = try #require(try await node.test.history().first)
        try await node.record("leads", through: 1, [(event, .failed)])
        _ = try await node.store.create(
            NewReplay(
                id: id, tenant: acme, requestID: "", reason: "", maxEventsPerSecond: 0,
                positions: [event.position], targets: [.init(handler: "leads", events: 1)]))
        _ = try await node.store.claim(id, fence: 1)
        let run = HandlerRun(
            event: event, attempt: 1, outcome: .succeeded,
            startedAt: Timestamp(seconds: 1_700_000_000, nanoseconds: 0), duration: .zero,
            changes: try TestProjection().changes(for: event) ?? [])
        return ReplayWork(
            replay: id, fence: 1, handler: "leads", node: node.name, from: .zero,
            through: event.position, runs: [run], missing: 0)
    }

    @Test func `a projection that is made anew gets nothing from a replay meanwhile`()
        async throws
    {
        try await TestLog.with { test in
            let projection = TestProjection()
            let node = TestNode(test, registry: try .with([], projections: [projection]))
            let work = try await work(on: node)
            func connect() async throws -> PostgresConnection {
                try await PostgresConnection.connect(
                    test.database, on: TestLoops.next, logger: .silent)
            }
            let (holder, other) = (try await connect(), try await connect())
            let isCommitted = Lock(false)
            func waiting() async throws -> Int64 {
                try await other.execute(Self.waiting).only().int64(0)
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                try await holder.transaction { transaction in
                    // What a rebuild comes to after it has emptied the tables.
                    _ = try await transaction.execute(Self.lock)
                    group.addTask {
                        let rebuild = try await node.books.rebuild(
                            "leads", tables: projection.tables)
                        #expect(rebuild == .begun)
                    }
                    while try await waiting() < 1 {}
                    group.addTask {
                        _ = try await node.store.commit(work)
                        isCommitted.withLock { $0 = true }
                    }
                    while try await waiting() < 2, !isCommitted.withLock({ $0 }) {}
                }
                try await group.waitForAll()
            }
            await holder.close()
            await other.close()
            try await expectEqual(test.rows("select from apus.leads").count, 0)
            try await expectEqual(node.store.find(id, tenant: acme)?.targets.first?.done, 1)
        }
    }

    private static let lock = Statement(
        name: "lock", sql: "lock table apus.consumer_lanes in share mode")
    private static let waiting = Statement(
        name: "waiting",
        sql: """
            select count(*) from pg_locks l join pg_stat_activity a on a.pid = l.pid
            where a.datname = current_database() and not l.granted
            """)

    @Test func `whether its handler is paused is told with each commit`() async throws {
        try await TestLog.with { test in
            let node = TestNode(test, registry: try .with([], projections: [TestProjection()]))
            let work = try await work(on: node)
            let look = ReplayWork(
                replay: id, fence: 1, handler: "leads", node: node.name, from: .zero,
                through: .zero, runs: [], missing: 0)
            try await expectEqual(node.store.commit(look), false)
            _ = try await node.books.pause("leads", true)
            try await expectEqual(node.store.commit(look), true)
            try await expectEqual(node.store.commit(work), true)
            try await expectEqual(node.store.claim(id, fence: 2).targets.count, 0)
        }
    }
}
