import Events
import IO
import Postgres
import TestSupport
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

    @Test(.timeLimit(.minutes(10)))
    func `what has the numbers of another epoch than the connection's is stored`() async throws {
        try await TestLog.with { test in
            _ = try await test.append(.test())
            // As who reads does, and hears of another history first.
            test.log.directory.follow(99)
            try await withThrowingTaskGroup(of: [AppendOutcome].self) { group in
                // Also where the connection lives: nothing else goes on there meanwhile.
                for loop in TestLoops.group.loops {
                    group.addTask(executorPreference: loop) { try await test.append(.test()) }
                }
                for try await outcomes in group { #expect(outcomes.count == 1) }
            }
            let history = try await test.history()
            #expect(history.map(\.position.rawValue) == [1, 2, 3])
            #expect(Set(history.map(\.tenant)).count == 1)
            try await expectEqual(test.log.bounds().epochs.count, 1)
        }
    }
}
