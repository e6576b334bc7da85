import Events
import Testing

@testable import PostgresLog

@Suite struct BatchQueueTests {
    private static func append(
        events: [NewEvent] = [.test()], holding subject: String? = nil, by account: String = "acme"
    ) throws -> PreparedAppend {
        let precondition = subject.map {
            SubjectPrecondition(
                tenant: TenantID(unchecked: "acme"), subject: $0, lastPosition: .zero)
        }
        return try PreparedAppend(
            AppendRequest(
                events: events, precondition: precondition,
                account: TenantID(unchecked: account)), .ones(events.count))
    }

    private static func queue(_ change: (inout BatchQueue.Limits) -> Void = { _ in }) -> BatchQueue
    {
        var limits = BatchQueue.Limits()
        change(&limits)
        return BatchQueue(limits: limits)
    }

    @Test func `what waits goes at once when nothing is under way`() throws {
        var queue = Self.queue()
        #expect(queue.next() == nil)
        let first = queue.add(.init(ticket: 1, append: try Self.append()))
        let second = queue.add(.init(ticket: 2, append: try Self.append()))
        #expect(first == nil && second == nil)
        #expect(queue.next()?.map(\.ticket) == [1, 2])
        #expect(queue.isEmpty)
    }

    @Test func `a second batch goes after the first only when it is full`() throws {
        var queue = Self.queue { $0.maxBatchEvents = 3 }
        _ = queue.add(.init(ticket: 1, append: try Self.append()))
        #expect(queue.next()?.count == 1)
        for ticket in 2...3 {
            _ = queue.add(.init(ticket: UInt64(ticket), append: try Self.append()))
        }
        #expect(queue.next() == nil)
        for ticket in 4...5 {
            _ = queue.add(.init(ticket: UInt64(ticket), append: try Self.append()))
        }
        #expect(queue.next()?.map(\.ticket) == [2, 3, 4])
        #expect(queue.next() == nil)
        queue.batchEnded()
        queue.batchEnded()
        #expect(queue.next()?.map(\.ticket) == [5])
    }

    @Test func `too much waiting is refused, but a lone giant is not`() throws {
        var queue = Self.queue { $0.maxWaitingBytes = 1_000 }
        let giant = try Self.append(events: [.test(data: Array(repeating: 0, count: 5_000))])
        let first = queue.add(.init(ticket: 1, append: giant))
        #expect(first == nil)
        let second = queue.add(.init(ticket: 2, append: try Self.append()))
        #expect(second == .share)
        #expect(queue.next()?.map(\.ticket) == [1])
        let third = queue.add(.init(ticket: 3, append: try Self.append()))
        #expect(third == nil)
    }

    @Test func `all that a waiting event holds counts as waiting bytes`() throws {
        let event = NewEvent.test().with(
            metadata: EventMetadata(
                userID: String(repeating: "x", count: 1_000),
                extra: ["k": String(repeating: "x", count: 16_000)]))
        var queue = Self.queue()
        let added = queue.add(.init(ticket: 1, append: try Self.append(events: [event])))
        #expect(added == nil)
        #expect(queue.waitingBytes > 17_000)
    }

    @Test func `a batch ends before an id that it holds already`() throws {
        var queue = Self.queue()
        _ = queue.add(.init(ticket: 1, append: try Self.append(events: [.test(id: .number(1))])))
        _ = queue.add(.init(ticket: 2, append: try Self.append(events: [.test(id: .number(2))])))
        _ = queue.add(.init(ticket: 3, append: try Self.append(events: [.test(id: .number(1))])))
        #expect(queue.next()?.map(\.ticket) == [1, 2])
        queue.batchEnded()
        #expect(queue.next()?.map(\.ticket) == [3])
    }

    @Test func `a batch ends before a precondition on a subject it writes to`() throws {
        var queue = Self.queue()
        _ = queue.add(.init(ticket: 1, append: try Self.append(events: [.test("a")])))
        _ = queue.add(
            .init(ticket: 2, append: try Self.append(events: [.test("b")], holding: "b")))
        _ = queue.add(
            .init(ticket: 3, append: try Self.append(events: [.test("a")], holding: "a")))
        #expect(queue.next()?.map(\.ticket) == [1, 2])
        queue.batchEnded()
        #expect(queue.next()?.map(\.ticket) == [3])
    }

    @Test func `what was given back goes first, and alone when it failed in company`() throws {
        var queue = Self.queue()
        for ticket in 1...4 {
            _ = queue.add(.init(ticket: UInt64(ticket), append: try Self.append()))
        }
        let taken = queue.next()
        let batch = try #require(taken)
        queue.batchEnded()
        _ = queue.add(.init(ticket: 5, append: try Self.append()))
        queue.giveBack(
            batch.prefix(2).map { .init(ticket: $0.ticket, append: $0.append, isAlone: true) })
        var seen: [[UInt64]] = []
        while let next = queue.next() {
            seen.append(next.map(\.ticket))
            queue.batchEnded()
        }
        #expect(seen == [[1], [2], [5]])
    }

    @Test func `a request can be taken out while it waits`() throws {
        var queue = Self.queue()
        for ticket in 1...3 {
            _ = queue.add(.init(ticket: UInt64(ticket), append: try Self.append()))
        }
        let acme = TenantID(unchecked: "acme")
        let removed = queue.remove(2, of: acme)
        let again = queue.remove(2, of: acme)
        #expect(removed && !again)
        #expect(queue.waitingEvents == 2)
        #expect(queue.next()?.map(\.ticket) == [1, 3])
        #expect(queue.waitingBytes == 0)
    }
}
