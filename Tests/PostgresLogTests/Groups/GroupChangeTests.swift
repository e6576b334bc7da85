import Events
import Postgres
import Testing

@testable import PostgresLog

/// Groups that change while nodes are at work in them.
@Suite struct GroupChangeTests {
    private static func filter(_ prefix: String) -> EventFilter {
        EventFilter(tenants: .only([GroupNode.acme]), subjectPrefix: prefix)
    }

    @Test func `what is published after a new filter is handed out`() async throws {
        let rounds = 30
        try await TestLog.with { test in
            let node = GroupNode(test)
            try await node.create { $0.filter = Self.filter("none") }
            try await node.running {
                try await node.member { member in
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask { _ = try await member.take(.max, acknowledging: true) }
                        for round in 0..<rounds {
                            _ = try await node.groups.update(
                                GroupNode.mail, tenant: GroupNode.acme,
                                GroupChanges(filter: Self.filter("s\(round)")))
                            _ = try await test.append(.test("s\(round)"))
                            let isDone = try await node.eventually {
                                let lines = try await test.rows(
                                    "select count(distinct position) from apus.ledger")
                                return try lines.only().int64(0) == round + 1
                            }
                            try #require(isDone)
                        }
                        group.cancelAll()
                        do { try await group.waitForAll() } catch is CancellationError {}
                    }
                }
            }
        }
    }

    @Test func `a change undoes nothing that was changed beside it`() async throws {
        try await TestLog.with { test in
            let node = GroupNode(test)
            try await node.create()
            for round in 1...10 {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        _ = try await node.groups.update(
                            GroupNode.mail, tenant: GroupNode.acme, GroupChanges(maxAttempts: round)
                        )
                    }
                    group.addTask {
                        _ = try await node.groups.update(
                            GroupNode.mail, tenant: GroupNode.acme,
                            GroupChanges(ackDeadline: .seconds(round)))
                    }
                    try await group.waitForAll()
                }
                let group = try await node.status().group
                #expect(group.maxAttempts == round)
                #expect(group.ackDeadline == .seconds(round))
            }
        }
    }

    @Test func `a version that is no more is neither changed nor worked for`() async throws {
        try await TestLog.with { test in
            let node = GroupNode(test)
            try await node.create()
            func found() async throws -> StoredGroup {
                try #require(try await node.store.find(GroupNode.mail, tenant: GroupNode.acme))
            }
            let first = try await found()
            try await expectEqual(node.store.update(first.group, from: first.version), true)
            try await expectEqual(node.store.update(first.group, from: first.version), false)
            try await node.groups.delete(GroupNode.mail, tenant: GroupNode.acme)
            try await node.create()
            let again = try await found()
            #expect(again.consumer == first.consumer)
            #expect(again.version > first.version + 1)
            try await node.books.beat("one", for: .seconds(600), members: [])
            func take(_ version: Int64) async throws -> Int {
                try await node.books.take(
                    [1, 2], of: again.consumer, version: version, node: "one"
                ).count
            }
            try await expectEqual(take(first.version), 0)
            try await expectEqual(take(again.version), 2)
        }
    }
}
