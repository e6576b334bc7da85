import Events
import Postgres
import Telemetry
import TestSupport
import Testing

@testable import PostgresLog

/// Partitions that come while readers are under way.
@Suite struct PartitionGrowthTests {
    @Test func `a reader whose plan is older than a partition does not pass its events`()
        async throws
    {
        try await RetainedLog.with { log in
            try await log.fill(1)
            let isOver = Lock(false)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    defer { isOver.withLock { $0 = true } }
                    // Every one of them makes a partition.
                    for _ in 0..<120 { try await log.fill(10) }
                }
                for _ in 0..<2 {
                    group.addTask {
                        var after = Position.zero
                        while !isOver.withLock({ $0 }) {
                            let page = try await log.test.log.read(
                                after: after, filter: .everything, limit: 100, maxBytes: 1 << 20)
                            let passed = after.rawValue..<page.scannedThrough.rawValue
                            #expect(page.events.map(\.position.rawValue) == passed.map { $0 + 1 })
                            after = page.scannedThrough
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test func `who takes advisory locks holds up no partition`() async throws {
        try await RetainedLog.with { log in
            let other = try await PostgresConnection.connect(
                log.test.database, on: TestLoops.next, logger: .silent)
            let lock = "select pg_advisory_lock(5053001, 1)"
            _ = try await other.execute(Statement(name: lock, sql: lock))
            for _ in 0..<5 { try await log.fill(10) }
            await other.close()
            try await expectEqual(log.test.history().count, 50)
        }
    }

    @Test func `what grew over an hour is no burst`() {
        var burst = Upkeep.Burst()
        let start = ContinuousClock.now
        burst.reached(1_000, at: start)
        burst.reached(6_000, at: start + .seconds(1))
        #expect(burst.eventsInInterval == 5_000)
        burst.reached(18_006_000, at: start + .seconds(3_601))
        #expect(burst.eventsInInterval == 5_000)
        burst.reached(18_006_000, at: start + .seconds(3_601))
        #expect(burst.eventsInInterval == 2_500)
    }

    @Test func `a read does not pass what is stored and out of its sight`() async throws {
        try await RetainedLog.with { log in
            try await log.fill(25)
            // As if its plan lacked the newest partition.
            _ = try await log.test.rows(
                "delete from apus.events where position > 20")
            let log = log.test.log
            let acme = EventFilter(tenants: .only([TenantID(unchecked: "acme")]))
            for filter in [.everything, acme] {
                let page = try await log.read(
                    after: .zero, filter: filter, limit: 100, maxBytes: 1 << 20)
                #expect(page.events.count == 20)
                #expect(page.scannedThrough == Position(20) && page.head == Position(20))
                let rest = try await log.read(
                    after: Position(20), filter: filter, limit: 100, maxBytes: 1 << 20)
                #expect(rest.events.isEmpty && rest.scannedThrough == Position(20))
            }
        }
    }
}
