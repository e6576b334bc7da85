import Events
import Postgres
import Testing

@testable import PostgresLog

@Suite struct EpochTests {
    @Test func `a log has an epoch, which a restart keeps`() async throws {
        try await TestLog.with { test in
            _ = try await test.append(.test())
            let before = try await test.log.bounds()
            try await TestLog.node(on: test.database) { other in
                _ = try await other.append(.test())
                try await expectEqual(other.log.bounds().epochs, before.epochs)
            }
            #expect(before.epochs.count == 1)
            #expect(before.epoch.openedAfter == .zero)
        }
    }

    @Test func `another history of Postgres opens a new epoch`() async throws {
        try await TestLog.with { test in
            for _ in 0..<5 { _ = try await test.append(.test()) }
            let before = try await test.log.bounds()
            try await test.script("update apus.log_epochs set timeline = '0000000F'")
            try await TestLog.node(on: test.database) { other in
                for _ in 0..<5 { _ = try await other.append(.test()) }
                let after = try await other.log.bounds()
                #expect(after.epochs.count == 2)
                #expect(after.epoch.openedAfter == Position(5))
                #expect(after.holds(Position(5), epoch: before.epoch.id))
                #expect(!after.holds(Position(6), epoch: before.epoch.id))
                #expect(after.holds(Position(10), epoch: after.epoch.id))
                #expect(!after.holds(Position(1), epoch: 12_345))
            }
        }
    }
}
