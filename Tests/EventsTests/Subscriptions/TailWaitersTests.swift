import Testing

@testable import Events

@Suite struct TailWaitersTests {
    private static func filter(_ types: [String] = [], tenant: String? = nil) -> CompiledFilter {
        let tenants: EventFilter.Tenants = tenant.map { .only([TenantID(unchecked: $0)]) } ?? .all
        return CompiledFilter(
            EventFilter(types: types.compactMap(TypePattern.init), tenants: tenants))
    }

    private static let filters = [
        filter(), filter(["lead.created"]), filter(["lead.*"]), filter(["order.paid"]),
        filter(tenant: "acme"), filter(["lead.created"], tenant: "acme"), filter(tenant: "globex"),
        filter((0..<40).map { "type.n\($0)" } + ["lead.created"], tenant: "acme"),
    ]

    /// All filters, each waiting after a position.
    private func waiters(after position: UInt64) -> TailWaiters<Int> {
        var waiters = TailWaiters<Int>()
        for (index, filter) in Self.filters.enumerated() {
            waiters.add(
                UInt64(index),
                .init(
                    after: Position(position), epoch: 1, filter: filter,
                    deadline: .seconds(index), token: index))
        }
        return waiters
    }

    @Test func `a chunk wakes those whose filter can match it`() {
        for (type, tenant) in [
            ("lead.created", "acme"), ("order.paid", "acme"), ("chat.sent", "globex"),
        ] {
            var waiters = waiters(after: 4)
            let chunk = TailChunk([SampleEvents.event(5, type: type, tenant: tenant)])
            let woken = waiters.take(interestedIn: chunk)
            let expected = Self.filters.indices.filter { Self.filters[$0].matches(chunk.keys[0]) }
            #expect(Set(woken.map(\.token)) == Set(expected))
            #expect(waiters.count == Self.filters.count - expected.count)
            expect(waiters.take(interestedIn: chunk).count, 0)
        }
    }

    @Test func `who slept through chunks is told that nothing matched before the one that woke it`()
    {
        var waiters = waiters(after: 4)
        _ = waiters.take(
            interestedIn: TailChunk([SampleEvents.event(5, type: "a.b", tenant: "initech")]))
        let woken = waiters.take(interestedIn: TailChunk(SampleEvents.events(6...9)))
        #expect(!woken.isEmpty)
        for waiter in woken { #expect(waiter.through == Position(5)) }
    }

    @Test func `who is ahead of the tail sleeps on`() {
        var waiters = waiters(after: 9)
        expect(waiters.take(interestedIn: TailChunk(SampleEvents.events(6...9))).count, 0)
        expect(waiters.take(interestedIn: TailChunk(SampleEvents.events(8...10))).isEmpty, false)
    }

    @Test func `a wait ends in time, at the head`() {
        var waiters = waiters(after: 4)
        let due = waiters.take(dueAt: .seconds(2), head: Position(70))
        #expect(Set(due.map(\.token)) == [0, 1, 2])
        for waiter in due { #expect(waiter.through == Position(70)) }
        expect(waiters.take(dueAt: .seconds(2), head: Position(70)).count, 0)
        expect(waiters.take(dueAt: .seconds(3), head: Position(70)).count, 1)
    }

    @Test func `who has to look again is told nothing`() {
        var waiters = waiters(after: 4)
        let due = waiters.takeAll()
        #expect(due.count == Self.filters.count)
        for waiter in due { #expect(waiter.through == Position(4)) }
        #expect(waiters.count == 0)
    }
}
