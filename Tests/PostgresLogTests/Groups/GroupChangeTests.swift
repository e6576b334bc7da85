import Postgres
import Testing

@testable import Events
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

    @Test func `a tenant has no more groups than it may`() async throws {
        try await TestLog.with { test in
            let node = GroupNode(test)
            try await test.script(
                """
                insert into apus.consumers (name) select 'group/acme/g' || n
                from generate_series(1, \(Groups.maxPerTenant - 1)) n;
                insert into apus.groups (consumer_id, tenant, name, types, subject_prefix, sources,
                    kinds, start_kind, ordering, max_attempts, ack_deadline_us)
                select id, 'acme', substr(name, 12), '{}', '', '{}', '{}', 1, 1, 5, 30000000
                from apus.consumers where name like 'group/acme/g%';
                """)
            try await node.create()
            let taken = await #expect(throws: EventsError.self) { try await node.create() }
            #expect(taken?.code == .alreadyExists)
            func create(of tenant: TenantID = GroupNode.acme) async throws {
                _ = try await node.groups.create(
                    Group(
                        name: GroupName(unchecked: "more"), tenant: tenant,
                        filter: EventFilter(tenants: .only([tenant])), start: .beginning))
            }
            let refused = await #expect(throws: EventsError.self) { try await create() }
            #expect(refused?.code == .resourceExhausted)
            try await node.groups.delete(GroupName(unchecked: "g7"), tenant: GroupNode.acme)
            try await create()
            // Another tenant's do not count.
            try await create(of: TenantID(unchecked: "other"))
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

    @Test func `held keys go on once keys are not to be held any more`() async throws {
        try await TestLog.with { test in
            let node = GroupNode(test)
            try await node.create { $0.ordering = .hold }
            _ = try await test.append(.test("a"), .test("a"))
            try await node.running {
                try await node.member { member in
                    let first = try await member.take(1)
                    try await expectEqual(node.acknowledge(first, .deadLetter), 0)
                    _ = try await node.groups.update(
                        GroupNode.mail, tenant: GroupNode.acme, GroupChanges(ordering: .continue))
                    let next = try await member.take(1, acknowledging: true)
                    #expect(next.map(\.event.position) == [Position(2)])
                    let isForgotten = try await node.eventually {
                        try await test.rows("select from apus.work").isEmpty
                    }
                    #expect(isForgotten)
                    try await expectEqual(node.status().deadLettered, 1)
                }
            }
        }
    }

    @Test func `a retry that was asked for is heard though its key goes on`() async throws {
        try await TestLog.with { test in
            let node = GroupNode(test)
            try await node.create { $0.ordering = .hold }
            _ = try await test.append(.test("a"), .test("a"))
            try await node.running {
                try await node.member { member in
                    let first = try await member.take(1)
                    try await expectEqual(node.acknowledge(first, .deadLetter), 0)
                }
            }
            let letters = PostgresDeadLetters(log: test.log, node: "other")
            let selection = DeadLetterSelection(tenant: GroupNode.acme, consumer: "group/mail")
            try await expectEqual(letters.retry(selection, perSecond: nil), 1)
            _ = try await node.groups.update(
                GroupNode.mail, tenant: GroupNode.acme, GroupChanges(ordering: .continue))
            let next = GroupNode(test, name: "next")
            try await next.running {
                let taken = try await next.member { try await $0.take(2, acknowledging: true) }
                #expect(taken.map(\.event.position) == [Position(1), Position(2)])
                #expect(taken.map(\.attempt) == [1, 1])
            }
            try await expectEqual(next.status().deadLettered, 0)
        }
    }

    @Test(arguments: [false, true])
    func `what lets its key go keeps its row if it was to be tried again`(
        isTriedAgain: Bool
    ) async throws {
        try await TestLog.with { test in
            let node = GroupNode(test)
            try await node.create()
            let group = try #require(
                try await node.store.find(GroupNode.mail, tenant: GroupNode.acme))
            try await node.books.beat("one", for: .seconds(600), members: [])
            let taken = try #require(
                try await node.books.take(
                    [7], of: group.consumer, version: group.version, node: "one"
                ).first)
            try await test.script(
                """
                insert into apus.work (consumer_id, partition, position, state, attempt, lost,
                    ticket, fence, verdict, verdict_delay_us, revive_at)
                values (\(group.consumer), 7, 1, 3, 1, 0, 1, 0,
                    \(isTriedAgain ? "11, 0, now()" : "null, null, default"))
                """)
            var batch = ConsumerBatch(consumer: group.consumer, node: "one")
            batch.shares = [
                ConsumerBatch.Share(
                    partition: 7, fence: taken.fence, serial: taken.serial, cursor: Position(1),
                    begun: Position(1), isReleased: false)
            ]
            batch.finished = [
                ConsumerBatch.Finish(
                    partition: 7, position: Position(1), resolution: .letGo, isWritten: true)
            ]
            try await expectEqual(node.books.commit(batch), BatchAnswer())
            let left = try await test.rows("select from apus.work")
            #expect(left.count == (isTriedAgain ? 1 : 0))
        }
    }
}
