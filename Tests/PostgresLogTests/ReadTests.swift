import Events
import Postgres
import Testing

@testable import PostgresLog

@Suite struct ReadTests {
    private static func tenant(_ name: String) -> EventFilter.Tenants {
        .only([TenantID(unchecked: name)])
    }

    /// 60 events: tenants a, b, c in turn, every fourth of another type, every fifth with a subject.
    private static func fill(_ test: TestLog) async throws {
        for number in 0..<60 {
            let tenant = ["a", "b", "c"][number % 3]
            let type = number % 4 == 0 ? "order.line.paid" : "lead.created"
            _ = try await test.append(
                .test(
                    number % 5 == 0 ? "lead-\(number)" : "", tenant: tenant, type: type,
                    source: number % 2 == 0 ? "crm" : "shop",
                    kind: number % 6 == 0 ? .system : .domain,
                    data: [UInt8](repeating: 7, count: number)))
        }
    }

    private static func filters() -> [EventFilter] {
        let patterns = ["lead.*", "order.**", "**", "*.created", "order.line.paid", "nothing.here"]
            .compactMap(TypePattern.init)
        let many = Set((0..<20).map { TenantID(unchecked: "t\($0)") } + [TenantID(unchecked: "b")])
        let tenants: [EventFilter.Tenants] = [
            .all, tenant("a"), tenant("nobody"),
            .only([TenantID(unchecked: "a"), TenantID(unchecked: "c")]), .only(many),
        ]
        var filters: [EventFilter] = []
        for tenants in tenants {
            filters.append(EventFilter(tenants: tenants))
            filters += patterns.map { EventFilter(types: [$0], tenants: tenants) }
            filters.append(EventFilter(tenants: tenants, subjectPrefix: "lead-1"))
            filters.append(EventFilter(tenants: tenants, sources: ["shop", "x"]))
            filters.append(EventFilter(tenants: tenants, kinds: [.system]))
        }
        return filters
    }

    @Test func `every filter reads what it matches, in pages of any size`() async throws {
        try await TestLog.with { test in
            try await Self.fill(test)
            let all = try await test.history()
            #expect(all.count == 60)
            // Another node reads tenants through their index.
            try await TestLog.node(on: test.database, .byIndex) { other in
                for filter in Self.filters() {
                    let expected = all.filter(filter.matches).map(\.position)
                    for page in [1, 7, 1_000] {
                        for node in [test, other] {
                            let read = try await node.history(filter, page: page)
                            #expect(read.map(\.position) == expected, "\(filter)")
                        }
                    }
                }
            }
        }
    }

    @Test func `listings show the same, from either end`() async throws {
        try await TestLog.with { test in
            try await Self.fill(test)
            let all = try await test.history()
            for filter in Self.filters() {
                let expected = all.filter(filter.matches).map(\.position)
                for oldestFirst in [true, false] {
                    var query = ListQuery(filter: filter, oldestFirst: oldestFirst, limit: 4)
                    var listed: [Position] = []
                    repeat {
                        let page = try await test.log.list(query)
                        listed += page.events.map(\.position)
                        query.beyond = page.next
                    } while query.beyond != nil
                    #expect(listed == (oldestFirst ? expected : expected.reversed()), "\(filter)")
                }
            }
        }
    }

    @Test func `a listing keeps to its times, the first inclusive and the last exclusive`()
        async throws
    {
        try await TestLog.with { test in
            for _ in 0..<9 { _ = try await test.append(.test()) }
            let all = try await test.history()
            let since = all[3].recordedAt
            let until = all[6].recordedAt
            for oldestFirst in [true, false] {
                let page = try await test.log.list(
                    ListQuery(
                        filter: .everything, since: since, until: until, oldestFirst: oldestFirst))
                let expected = all.filter { $0.recordedAt >= since && $0.recordedAt < until }
                    .map(\.position)
                #expect(
                    page.events.map(\.position) == (oldestFirst ? expected : expected.reversed()))
                #expect(page.next == nil)
            }
        }
    }

    @Test func `a moment becomes the position before it`() async throws {
        try await TestLog.with { test in
            for _ in 0..<40 { _ = try await test.append(.test(), .test()) }
            for event in try await test.history() {
                let position = try await test.log.position(since: event.recordedAt)
                let read = try await test.log.read(
                    after: position, filter: .everything, limit: 1, maxBytes: 1)
                #expect(read.events.first?.recordedAt == event.recordedAt)
                #expect(position < event.position)
            }
            let late = try await test.log.position(
                since: Timestamp(seconds: 99_999_999_999, nanoseconds: 0))
            #expect(late == Position(80))
            let early = try await test.log.position(since: Timestamp(seconds: 0, nanoseconds: 0))
            #expect(early == .zero)
        }
    }

    @Test func `a page ends with the event that fills it`() async throws {
        try await TestLog.with { test in
            for _ in 0..<10 {
                _ = try await test.append(.test(data: Array(repeating: 1, count: 9_488)))
            }
            // Another node reads a tenant through its index.
            try await TestLog.node(on: test.database, .byIndex) { other in
                let tenant = EventFilter(tenants: Self.tenant("acme"))
                for (node, filter) in [
                    (test, EventFilter.everything), (test, tenant), (other, tenant),
                ] {
                    func read(after: UInt64, maxBytes: Int) async throws -> EventPage {
                        try await node.log.read(
                            after: Position(after), filter: filter, limit: 100, maxBytes: maxBytes)
                    }
                    let page = try await read(after: 0, maxBytes: 25_000)
                    #expect(page.events.map(\.position.rawValue) == [1, 2, 3])
                    #expect(page.scannedThrough == Position(3))
                    let filled = try await read(after: 3, maxBytes: 30_000)
                    #expect(filled.events.map(\.position.rawValue) == [4, 5, 6])
                    let one = try await read(after: 0, maxBytes: 1)
                    #expect(one.events.count == 1)
                    let rest = try await read(after: 8, maxBytes: 1 << 20)
                    #expect(rest.scannedThrough == Position(10))
                    #expect(rest.head == Position(10))
                }
            }
        }
    }

    @Test func `a read goes no further than it is told`() async throws {
        try await TestLog.with { test in
            for _ in 0..<10 { _ = try await test.append(.test()) }
            let page = try await test.log.read(
                after: Position(2), through: Position(5), filter: .everything, limit: 100,
                maxBytes: 1 << 20)
            #expect(page.events.map(\.position.rawValue) == [3, 4, 5])
            #expect(page.scannedThrough == Position(5))
            let beyond = try await test.log.read(
                after: Position(10), filter: .everything, limit: 1, maxBytes: 1)
            #expect(beyond.events.isEmpty)
            #expect(beyond.scannedThrough == Position(10))
        }
    }

    @Test func `a reader on another node does not pass a tenant's first event`() async throws {
        try await TestLog.with { test in
            try await TestLog.node(on: test.database, .byIndex) { reader in
                for number in 1...200 as ClosedRange<UInt64> {
                    let filter = EventFilter(tenants: Self.tenant("new-\(number)"))
                    async let stored = test.append(.test(tenant: "new-\(number)"))
                    var found: [RecordedEvent] = []
                    var after = Position.zero
                    while after < Position(number) {
                        let page = try await reader.log.read(
                            after: after, filter: filter, limit: 10, maxBytes: 1 << 20)
                        found += page.events
                        after = page.scannedThrough
                    }
                    _ = try await stored
                    expectEqual(found.map(\.position.rawValue), [number])
                }
            }
        }
    }

    @Test func `what retention dropped is expired, and keeps its identity`() async throws {
        let small = "update apus.log_head set partition_size = 4"
        try await TestLog.with(after: small) { test in
            for number in 1...10 {
                _ = try await test.append(.test("s", id: .number(UInt64(number))))
            }
            try await test.script(
                """
                alter table apus.events detach partition apus.events_from_1;
                drop table apus.events_from_1;
                delete from apus.event_partitions where first_position = 1;
                """)
            let tenant = TenantID(unchecked: "acme")
            await #expect(throws: EventsError.eventExpired(.number(2))) {
                try await test.log.event(id: .number(2), tenant: tenant)
            }
            try await expectEqual(test.append(.test("s", id: .number(2))), [.duplicate(2)])
            let bounds = try await test.log.bounds()
            #expect(bounds.earliest == Position(5))
            #expect(throws: EventsError.positionExpired(bounds)) { try bounds.check(after: .zero) }
            await #expect(throws: EventsError.positionExpired(bounds)) {
                try await test.log.read(
                    after: Position(3), filter: .everything, limit: 1, maxBytes: 1)
            }
            let page = try await test.log.read(
                after: Position(4), filter: .everything, limit: 100, maxBytes: 1 << 20)
            #expect(page.events.map(\.position.rawValue) == [5, 6, 7, 8, 9, 10])
            let listing = try await test.log.list(ListQuery(filter: .everything))
            #expect(listing.events.count == 6)
            #expect(listing.next == nil)
            try await expectEqual(
                test.log.position(since: Timestamp(seconds: 0, nanoseconds: 0)), Position(4))
        }
    }

    @Test func `tenants' history is the same through their index`() async throws {
        try await TestLog.with { test in
            try await Self.fill(test)
            try await TestLog.node(on: test.database, .byIndex) { other in
                for names in [["a"], ["b"], ["a", "c"], ["a", "b", "c", "nobody"], ["nobody"]] {
                    let filter = EventFilter(
                        tenants: .only(Set(names.map { TenantID(unchecked: $0) })))
                    let expected = try await test.history(filter).map(\.position)
                    #expect(expected.isEmpty == (names == ["nobody"]))
                    for (limit, maxBytes) in [(3, 1 << 20), (100, 1_200), (1, 1), (100, 1 << 20)] {
                        var read: [Position] = []
                        var after = Position.zero
                        var head = Position(1)
                        while after < head {
                            let page = try await other.log.read(
                                after: after, filter: filter, limit: limit, maxBytes: maxBytes)
                            try #require(page.scannedThrough > after)
                            #expect(page.events.count <= limit)
                            read += page.events.map(\.position)
                            after = page.scannedThrough
                            head = page.head
                        }
                        #expect(read == expected, "\(names), \(limit), \(maxBytes)")
                    }
                }
            }
        }
    }

    @Test func `a filter looks at so many of the tenants' events, and says how far it came`()
        async throws
    {
        try await TestLog.with { test in
            try await Self.fill(test)
            let tenants = EventFilter.Tenants.only([
                TenantID(unchecked: "a"), TenantID(unchecked: "c"),
            ])
            func positions(_ filter: EventFilter) async throws -> [Int64] {
                try await test.history(filter).map { Int64($0.position.rawValue) }
            }
            let looked = try await positions(EventFilter(tenants: tenants))
            let types = [try #require(TypePattern("order.**"))]
            let expected = try await positions(EventFilter(types: types, tenants: tenants))
            var read: [Int64] = []
            var after: Int64 = 0
            for page in 0..<looked.count / 7 + 1 {
                let rows = try await test.pool.execute(
                    SQLText.readTenants,
                    [
                        .int8(after), .int8(.max),
                        .textArray(types.map(\.text)), .textArray(["a", "c"]),
                        .null, .null, .null, .int8(100), .int8(1 << 20), .int8(7),
                    ])
                let bound = try #require(try rows.first?.optionalInt64(2))
                let last = page * 7 + 6
                #expect(bound == (last < looked.count ? looked[last] : .max))
                read += try rows.compactMap { row throws in try row.optionalInt64(4) }
                after = bound
            }
            #expect(read == expected)
        }
    }

    @Test func `every filter reads the same in wire form, straight from the rows`() async throws {
        try await TestLog.with { test in
            try await Self.fill(test)
            let event = NewEvent.test("é", data: [9]).with(
                partitionKey: "key",
                metadata: EventMetadata(
                    correlationID: "c", userID: "u", tracestate: "t", extra: ["k": "v"]))
            _ = try await test.append(event)
            let epoch = try await test.log.bounds().epoch.id
            for filter in Self.filters() {
                let events = try await test.history(filter)
                var expected: [UInt8] = []
                for event in events {
                    SpellingEncoder().append(EventFields(event), epoch: epoch, to: &expected)
                }
                for (limit, maxBytes) in [(7, 1 << 20), (7, 3_000), (1, 1), (100, 1 << 20)] {
                    var read: [UInt8] = []
                    var count = 0
                    var after = Position.zero
                    var head = Position(1)
                    while after < head {
                        var page = try await test.log.readHistory(
                            after: after, filter: filter, limit: limit, maxBytes: maxBytes)
                        page.maxMessageBytes = 5_000
                        let announced = count + page.count
                        while let batch = try page.nextBatch(encodedBy: SpellingEncoder()) {
                            read += batch.bytes
                            count += batch.count
                        }
                        #expect(count == announced)
                        try #require(page.scannedThrough > after)
                        #expect(page.epoch == epoch)
                        after = page.scannedThrough
                        head = page.head
                    }
                    #expect(read == expected, "\(filter)")
                    #expect(count == events.count)
                }
            }
        }
    }
}

/// Spells out what an event says, with its defaults.
private struct SpellingEncoder: DeliveryEncoder {
    func append(_ event: EventFields, epoch: UInt64, to bytes: inout [UInt8]) {
        func text(_ text: EventFields.Text) -> String {
            String(
                decoding: event.bytes[text.offset..<text.offset + text.count], as: UTF8.self)
        }
        let key = event.partitionKey.map(text) ?? ""
        let subject = text(event.subject)
        let metadata = event.metadata
        bytes += Array(
            """
            \(epoch) \(event.position) \(event.partition) \(event.id) \(event.type) \(event.version)
            \(event.kind) \(event.tenant) \(event.occurredAt) \(event.recordedAt)
            \(event.messageName) \(text(event.source)) \(subject)
            \(!key.isEmpty ? key : subject.isEmpty ? event.tenant.rawValue : subject)
            \(metadata.correlationID.map(text) ?? event.id.description) \(text(metadata.causationID))
            \(text(metadata.userID)) \(text(metadata.sessionID)) \(text(metadata.requestID))
            \(text(metadata.channel)) \(text(metadata.userAgent)) \(text(metadata.ipAddress))
            \(text(metadata.traceparent)) \(text(metadata.tracestate)) \(metadata.extra)
            """.utf8)
        bytes += event.bytes[event.data.offset..<event.data.offset + event.data.count]
    }
}
