import Testing

@testable import Events

/// Many dead letters that are tried again at once.
@Suite struct RevivalTests {
    private static let count = 300

    /// A consumer that gave up on many events of twenty keys; all are to be tried again, and nobody has
    /// heard of it.
    private func retried(
        holdsKeys: Bool = false, isLocal: Bool = false,
        _ change: (inout ConsumerStateMachine.Limits) -> Void = { _ in }
    ) throws -> WorkBench {
        var bench = WorkBench(holdsKeys: holdsKeys, isLocal: isLocal, maxInFlight: 4, change)
        let keys = holdsKeys ? Self.count : 20
        for number in 0..<Self.count { bench.publish("key-\(number % keys)") }
        while let item = bench.next() { bench.answer(item, .deadLetter) }
        bench.write()
        try #require(bench.store.tables.deadLetters.count == Self.count)
        for position in bench.store.tables.deadLetters.sorted() { bench.revive(position) }
        return bench
    }

    /// Hears and works until nothing comes.
    private func workOff(_ bench: inout WorkBench) -> [RecordedEvent] {
        var done: [RecordedEvent] = []
        while true {
            bench.hear()
            let some = bench.work()
            if some.isEmpty { return done }
            done += some
        }
    }

    @Test(arguments: [true, false], [true, false])
    func `all come, in the order of their keys, and none twice`(
        holdsKeys: Bool, isLocal: Bool
    ) throws {
        var bench = try retried(holdsKeys: holdsKeys, isLocal: isLocal)
        let done = workOff(&bench)
        #expect(done.count == Self.count)
        for events in Dictionary(grouping: done, by: \.partitionKey).values {
            #expect(events.map(\.position) == events.map(\.position).sorted())
        }
        #expect(Set(done.map(\.position)).count == Self.count)
        #expect(bench.store.tables.deadLetters.isEmpty)
        #expect(bench.storedWork.isEmpty)
    }

    @Test func `no more become work than leave most of the room to others`() throws {
        var bench = try retried()
        for _ in 0..<5 { bench.hear() }
        #expect(bench.machine.load.active == 8)
        bench.write()
        for _ in 0..<5 { bench.hear() }
        #expect(bench.machine.load.active == 8)
    }

    @Test func `what comes new is not held up`() throws {
        var bench = try retried()
        bench.hear()
        bench.publish("new")
        let handed = bench.begin(limit: 20, places: 20).map(\.position)
        #expect(handed.count == 4)
        for position in handed { #expect(position.rawValue <= 4 || position.rawValue == 301) }
        let taken = bench.machine.items.values.filter { $0.key.key == "new" }
        #expect(taken.count == 1)
    }

    @Test func `what nobody heard of is left alone by who takes over`() throws {
        var bench = try retried()
        bench.replaceNode()
        #expect(bench.machine.items.isEmpty)
        #expect(workOff(&bench).count == Self.count)
    }

    @Test func `what holds keys holds them on, whoever takes over`() throws {
        var bench = try retried(holdsKeys: true)
        bench.replaceNode()
        #expect(bench.machine.items.count == Self.count)
        #expect(bench.machine.load.bytes == 0)
        bench.publish("key-7")
        #expect(bench.work().isEmpty)
        #expect(workOff(&bench).count == Self.count + 1)
    }

    @Test func `those that fail again wait with no more than half of the room for that`() throws {
        var bench = try retried { $0.maxParked = 40 }
        var failed = 0
        for _ in 0..<100 {
            bench.hear()
            while let item = bench.next() {
                bench.delay(item, .seconds(60))
                failed += 1
            }
        }
        // The last ones were heard of while there was room still.
        #expect((20...28).contains(failed))
        #expect(bench.machine.load.parked == failed || bench.machine.load.parked > 20)
        bench.publish("new")
        #expect(bench.work().map(\.partitionKey) == ["new"])
        bench.wait(.seconds(60))
        while bench.store.tables.deadLetters.count > 0 {
            let before = bench.store.tables.deadLetters.count
            _ = workOff(&bench)
            try #require(bench.store.tables.deadLetters.count < before)
        }
    }

    @Test func `what holds keys is heard of, whatever others wait for`() throws {
        // All that may wait for long does, for their keys.
        var bench = try retried(holdsKeys: true) { $0.maxParked = Self.count }
        #expect(bench.machine.load.parked == Self.count)
        bench.hear()
        #expect(bench.work().count > 0)
    }

    @Test func `without members, paused or at its end a node hears of none`() throws {
        var bench = try retried()
        #expect(bench.machine.revivalRoom == RevivalRoom(count: 8, isForAll: true))
        bench.leave(1)
        #expect(bench.machine.revivalRoom == .none)
        bench.join(1)
        bench.pause(true)
        #expect(bench.machine.revivalRoom == .none)
        bench.pause(false)
        #expect(bench.machine.revivalRoom != .none)
        bench.drain()
        #expect(bench.machine.revivalRoom == .none)
    }

    @Test func `an event that retention dropped is over`() throws {
        var bench = try retried()
        let remarks = bench.listen()
        bench.heedWithoutEvents(remarks)
        bench.write()
        #expect(remarks.count == 8)
        #expect(bench.storedWork.count == Self.count - 8)
        #expect(workOff(&bench).count == Self.count - 8)
    }

    @Test func `each try of a dead letter is told from those before`() throws {
        var bench = try retried()
        bench.hear()
        let first = try bench.following()
        #expect(first.revival == 1)
        bench.answer(first, .deadLetter)
        #expect(bench.work().count == 7)
        bench.revive(first.position)
        let remarks = bench.listen().filter { $0.work.position == first.position }
        #expect(remarks.map(\.work.revival) == [Int64(Self.count) + 1])
        bench.replaceNode()
        _ = workOff(&bench)
        #expect(bench.store.tables.deadLetters.isEmpty)
    }
}
