import Postgres
import Testing

@testable import PostgresLog

@Suite struct PartitionSizingTests {
    private static func wanted(
        events: Int64, bytes: Int64, recent: Int64 = 0,
        _ change: (inout RetentionPolicy) -> Void
    ) -> Int64 {
        var policy = RetentionPolicy()
        change(&policy)
        return PartitionSizing.wanted(
            for: .init(events: events, bytes: bytes, recentEvents: recent), policy)
    }

    @Test func `a tenth of the time that is kept fits into a partition`() {
        let size = Self.wanted(events: 900_000, bytes: 1, recent: 70_000) {
            $0.age = .seconds(86_400)
        }
        #expect(size == 70_000)
    }

    @Test func `a tenth of the bytes that are kept fits into a partition`() {
        let size = Self.wanted(events: 100_000, bytes: 100_000_000) {
            $0.bytes = 500_000_000
        }
        #expect(size == 50_000)
    }

    @Test func `partitions are neither tiny nor huge`() {
        var size = Self.wanted(events: 100, bytes: 1 << 30) { $0.bytes = 1 << 20 }
        #expect(size == 10_000)
        size = Self.wanted(events: 100, bytes: 100) { $0.bytes = 1 << 40 }
        #expect(size == 1_000_000)
    }

    @Test func `a log that is new begins with a small partition`() async throws {
        var configuration = PostgresEventLog.Configuration()
        configuration.retention.bytes = 1 << 30
        try await TestLog.with(configuration) { test in
            try await test.log.open()
            _ = try await test.append(.test())
            let row = try await test.rows("select partition_size from apus.log_head").only()
            try #expect(row.int64(0) == 10_000)
        }
    }

    @Test func `the operator's choice counts`() async throws {
        var configuration = PostgresEventLog.Configuration()
        configuration.partitionEvents = 70
        configuration.retention.bytes = 1 << 30
        try await TestLog.with(configuration) { test in
            try await test.log.open()
            let row = try await test.rows("select partition_size from apus.log_head").only()
            try #expect(row.int64(0) == 70)
        }
    }
}
