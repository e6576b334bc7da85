import Events
import Postgres
import Telemetry
import TestSupport
import Testing

@testable import PostgresLog

@Suite struct PartitionRemovalTests {
    @Test func `a reader with an open transaction goes on, as do appends and others`()
        async throws
    {
        try await RetainedLog.with { log in
            try await log.fill(25)
            var retention = log.retention { $0.age = .seconds(60) }
            log.clock.advance(by: .seconds(120))
            try await log.withOpenReader { reader in
                try await retention.round()
                // Expired for all, while the table still waits for the reader.
                try await expectEqual(log.earliest(), 21)
                try await expectEqual(log.tables().contains("events_from_1"), true)
                try await expectEqual(log.test.append(.test()), [.stored(26)])
                try await log.fill(20)
                _ = try await reader.execute(RetainedLog.count)
                try await retention.round()
                _ = try await reader.execute(RetainedLog.count)
                try await expectEqual(log.tables().contains("events_from_1"), true)
                let rest = try await log.test.log.read(
                    after: Position(40), filter: .everything, limit: 100, maxBytes: 1 << 20)
                #expect(rest.events.map(\.position.rawValue) == Array(41...46))
            }
            try await log.finish(&retention)
            try await expectEqual(log.tables().contains("events_from_1"), false)
        }
    }

    @Test func `a transaction with an old snapshot sees the events and the old earliest position`()
        async throws
    {
        try await RetainedLog.with { log in
            try await log.fill(25)
            var retention = log.retention { $0.age = .seconds(60) }
            log.clock.advance(by: .seconds(120))
            try await log.withOpenReader(.repeatableRead) { reader in
                try await retention.round()
                try await retention.round()
                let row = try await reader.execute(RetainedLog.count).only()
                try #expect(row.int64(0) == 25 && row.int64(1) == 1)
                let bounds = try await reader.execute(SQLText.bounds).only()
                try #expect(bounds.int64(1) == 1)
            }
            try await log.finish(&retention)
            try await expectEqual(log.tables().contains("events_from_1"), false)
        }
    }

    @Test func `a detaching that was interrupted is ended`() async throws {
        try await RetainedLog.with { log in
            try await log.fill(25)
            var retention = log.retention { $0.age = .seconds(60) }
            log.clock.advance(by: .seconds(120))
            let pending = "select count(*) from pg_inherits where inhdetachpending"
            try await log.withOpenReader { _ in
                try await retention.round()
                try await expectEqual(log.test.rows(pending).only().int64(0), 1)
            }
            // Whoever comes next, also another process.
            try await log.test.script("update apus.leases set expires_at = '-infinity'")
            var other = log.retention { $0.age = .seconds(60) }
            try await log.finish(&other)
            try await expectEqual(log.test.rows(pending).only().int64(0), 0)
            let tables = try await log.tables()
            #expect(!tables.contains("events_from_1") && !tables.contains("events_from_11"))
        }
    }

    @Test func `nothing waits for a lock while somebody uses a table that is to go`()
        async throws
    {
        try await RetainedLog.with { log in
            try await log.fill(25)
            var retention = log.retention { $0.age = .seconds(60) }
            log.clock.advance(by: .seconds(120))
            try await log.withOpenReader { reader in
                try await retention.round()
                // As the workers of a parallel pg_dump do.
                let waiting = Lock(0)
                let going = retention
                try await withThrowingTaskGroup(of: Bool.self) { group in
                    group.addTask {
                        var retention = going
                        for _ in 0..<10 { try await retention.round() }
                        return true
                    }
                    group.addTask {
                        while !Task.isCancelled {
                            let row = try await log.test.rows(
                                """
                                select count(*) from pg_locks l
                                join pg_database d on d.oid = l.database
                                where not l.granted and l.locktype = 'relation'
                                    and d.datname = current_database()
                                """
                            ).only()
                            let count = Int(try row.int64(0))
                            waiting.withLock { $0 += count }
                        }
                        return false
                    }
                    while let isDone = try await group.next(), !isDone {}
                    group.cancelAll()
                }
                #expect(waiting.withLock { $0 } == 0)
                _ = try await reader.execute(RetainedLog.count)
            }
        }
    }

    @Test func `no reader under way finds a gap at the edge`() async throws {
        try await RetainedLog.with { log in
            try await log.fill(200)
            log.clock.advance(by: .seconds(120))
            let isOver = Lock(false)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    defer { isOver.withLock { $0 = true } }
                    var retention = log.retention { $0.age = .seconds(60) }
                    try await retention.round()
                }
                for _ in 0..<3 {
                    group.addTask {
                        var after = Position.zero
                        while !isOver.withLock({ $0 }) {
                            do {
                                let page = try await log.test.log.read(
                                    after: after, filter: .everything, limit: 7, maxBytes: 1 << 20)
                                let expected = page.events.indices.map {
                                    after.advanced(by: $0 + 1)
                                }
                                #expect(page.events.map(\.position) == expected)
                                #expect(page.events.last?.position ?? after == page.scannedThrough)
                                after =
                                    page.scannedThrough == page.head ? .zero : page.scannedThrough
                            } catch let error as EventsError {
                                #expect(error.reason == .positionExpired)
                                after = try await log.test.log.bounds().earliest.previous
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            try await expectEqual(log.earliest(), 201)
        }
    }
}
