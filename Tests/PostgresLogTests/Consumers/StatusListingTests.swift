import Events
import Testing

@testable import PostgresLog

@Suite struct StatusListingTests {
    /// Ten events; a handler of `lead.*` is at 6, and failed 2 and 5; another of `**` is at 8.
    private func with(
        _ body: @escaping @Sendable (TestNode, StatusListing) async throws -> Void
    ) async throws {
        try await TestLog.with { test in
            let node = TestNode(
                test,
                registry: try .with([
                    TestHandler(name: "leads"),
                    TestHandler(name: "all", types: [TypePattern("**")].compactMap(\.self)),
                ]))
            try await node.host.register()
            for number in 1...10 {
                _ = try await test.append(.test(type: number == 7 ? "order.paid" : "lead.created"))
            }
            let events = try await test.history()
            for (handler, through, failed) in [("leads", UInt64(6), [1, 4]), ("all", 8, [])] {
                try await node.record(
                    handler, through: through, failed.map { (events[$0], .failed) })
            }
            try await body(node, StatusListing(log: test.log, books: node.books))
        }
    }

    private func all(
        _ listing: StatusListing, _ statuses: Set<EventStatus>, oldestFirst: Bool, page: Int,
        maxBytes: Int = 2 << 20
    ) async throws -> [UInt64] {
        var query = ListQuery(
            filter: .everything, oldestFirst: oldestFirst, limit: page, maxBytes: maxBytes)
        var found: [UInt64] = []
        repeat {
            let page = try await listing.list(query, statuses: statuses)
            found += page.entries.map(\.event.position.rawValue)
            for entry in page.entries where !statuses.contains(entry.standing.status) {
                Issue.record("\(entry.event.position) is \(entry.standing.status)")
            }
            query.beyond = page.next
        } while query.beyond != nil
        return found
    }

    @Test(arguments: [1, 3, 50], [true, false])
    func `each status lists its events once, in order`(page: Int, oldestFirst: Bool) async throws {
        try await with { _, listing in
            let expected: [(Set<EventStatus>, [UInt64])] = [
                ([.failed], [2, 5]), ([.processed], [1, 3, 4, 6, 7]), ([.processing], [8]),
                ([.pending], [9, 10]), ([.pending, .failed], [2, 5, 9, 10]),
                ([.processing, .failed], [2, 5, 8]), ([.pending, .processing], [8, 9, 10]),
                ([.processed, .failed], [1, 2, 3, 4, 5, 6, 7]),
                (Set(EventStatus.allCases), Array(1...10)),
            ]
            for (statuses, positions) in expected {
                let found = try await all(
                    listing, statuses, oldestFirst: oldestFirst, page: page)
                #expect(found == (oldestFirst ? positions : positions.reversed()))
            }
        }
    }

    @Test(arguments: [true, false])
    func `a listing by status reads no more than its bytes`(oldestFirst: Bool) async throws {
        try await with { _, listing in
            let statuses: Set<EventStatus> = [.pending, .failed]
            let positions: [UInt64] = oldestFirst ? [2, 5, 9, 10] : [10, 9, 5, 2]
            for bytes in [1, 1_200] {
                try await expectEqual(
                    all(listing, statuses, oldestFirst: oldestFirst, page: 50, maxBytes: bytes),
                    positions)
            }
            let query = ListQuery(
                filter: .everything, oldestFirst: oldestFirst, limit: 50, maxBytes: 1)
            let page = try await listing.list(query, statuses: statuses)
            #expect(page.entries.map(\.event.position.rawValue) == [positions[0]])
        }
    }

    @Test func `a listing by status keeps to its filter and its times`() async throws {
        try await with { node, listing in
            var query = ListQuery(
                filter: EventFilter(tenants: .only([TenantID(unchecked: "other")])), limit: 50)
            try await expectEqual(
                listing.list(query, statuses: [.failed]).entries.count, 0)
            query.filter = .everything
            query.since = try await node.test.history()[3].recordedAt
            let since = try await listing.list(query, statuses: [.failed]).entries
            #expect(since.map(\.event.position) == [Position(5)])
        }
    }

    /// 300 events: three handlers failed on all of them, or on the first half only, and one of them
    /// has the second half in work.
    @Test(arguments: [true, false], [true, false])
    func `a listing goes on however many handlers stand at one event`(
        areAllFailed: Bool, oldestFirst: Bool
    ) async throws {
        try await TestLog.with { test in
            let names = ["one", "two", "three"]
            let node = TestNode(test, registry: try .with(names.map { TestHandler(name: $0) }))
            try await node.host.register()
            let events = (1...300).map { NewEvent.test("s-\($0)") }
            _ = try await test.log.append(AppendRequest(events: events))
            let stored = try await test.history()
            let failed = areAllFailed ? stored[...] : stored[..<150]
            for name in names {
                try await node.record(name, through: 300, failed.map { ($0, .failed) })
            }
            if !areAllFailed {
                try await test.script(
                    """
                    insert into apus.work
                        (consumer_id, partition, position, state, attempt, lost, ticket, fence)
                    select h.consumer_id, e.partition, e.position, 1, 1, 0, 0, 0
                    from apus.events e, apus.handlers h where e.position > 150;
                    """)
            }
            let listing = StatusListing(log: test.log, books: node.books)
            let found = try await all(
                listing, areAllFailed ? [.failed] : [.failed, .processing],
                oldestFirst: oldestFirst, page: 200)
            let positions = Array(UInt64(1)...300)
            #expect(found == (oldestFirst ? positions : positions.reversed()))
        }
    }
}
