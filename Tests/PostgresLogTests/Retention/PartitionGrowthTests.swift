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
                    for _ in 0..<300 { try await log.fill(10) }
                }
                for _ in 0..<2 {
                    group.addTask {
                        var after = Position.zero
                        while !isOver.withLock({ $0 }) {
                            let page = try await log.test.log.read(
                                after: after, filter: .everything, limit: 100, maxBytes: 1 << 20)
                            let passed = after.rawValue..<page.scannedThrough.rawValue
                            // Seen in about one run of six; nobody has found out why yet.
                            withKnownIssue(isIntermittent: true) {
                                #expect(
                                    page.events.map(\.position.rawValue) == passed.map { $0 + 1 })
                            }
                            after = page.scannedThrough
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}
