import Testing

@testable import Events

/// As many lanes as there may be.
@Suite struct LaneRoomTests {
    private static let big = TenantID(unchecked: "big")
    private static let small = TenantID(unchecked: "small")

    @Test func `keys that are held stop nobody, however many they are`() {
        var bench = WorkBench(holdsKeys: true) {
            $0.keyShare = 2
            $0.maxLanes = 3
        }
        for key in 0..<8 { bench.publish("k\(key)", count: 6) }
        bench.publish("other")
        while let item = bench.next(), item.key.key != "other" { bench.answer(item, .deadLetter) }
        #expect(bench.machine.items.values.contains { $0.key.key == "other" && $0.attempt == 1 })
        #expect(bench.machine.inconsistency == nil)
    }

    @Test func `held keys go on in order when they are let go, however many they are`() {
        var bench = WorkBench(holdsKeys: true) {
            $0.keyShare = 2
            $0.maxLanes = 3
        }
        for key in 0..<8 { bench.publish("k\(key)", count: 6) }
        var failed: [Position] = []
        while let item = bench.next() {
            bench.answer(item, .deadLetter)
            failed.append(item.position)
        }
        #expect(failed.count == 8)
        for position in failed { bench.discard(position) }
        bench.hear()
        let done = bench.work()
        #expect(done.count == 40)
        for (_, events) in Dictionary(grouping: done, by: \.partitionKey) {
            #expect(events.map(\.position) == events.map(\.position).sorted())
        }
        #expect(bench.storedLanes.isEmpty)
    }

    /// All lanes are open, and one's next event needs another.
    @Test func `a lane that cannot go on is not read again and again`() {
        var limits = ConsumerStateMachine.Limits()
        limits.keyShare = 2
        limits.maxLanes = 2
        var machine = ConsumerStateMachine(
            consumer: 1, node: "one",
            rules: ConsumerRules(
                holdsKeys: false, maxAttempts: 5, ackDeadline: .seconds(30), isShared: true),
            limits: limits)
        let (first, other) = (Self.partition(Self.big, "k"), Self.partition(Self.small, "k"))
        #expect(first != other)
        var log: [RecordedEvent] = []
        for number in 1...7 as ClosedRange<UInt64> {
            let isBig = number <= 3
            log.append(
                .sample(
                    at: Position(number), tenant: isBig ? Self.big : Self.small, key: "k",
                    partition: isBig ? first : other))
        }
        let events = Dictionary(uniqueKeysWithValues: log.map { ($0.position, $0) })
        machine.head = Position(7)
        machine.granted(
            Self.taken(
                first, work: 1...2,
                StoredLane(
                    scope: LaneScope(tenant: Self.big, key: nil), position: Position(2))),
            events: events, now: .zero, wall: Timestamp(microseconds: 0))
        machine.granted(
            Self.taken(
                other, work: 4...5,
                StoredLane(
                    scope: LaneScope(tenant: Self.small, key: "k"), position: Position(5))),
            events: events, now: .zero, wall: Timestamp(microseconds: 0))
        machine.join(1, maxInFlight: 1)
        func reads() -> Int {
            for count in 0..<100 {
                let read = machine.nextRead()
                guard case .lane(_, let after, let through) = read else { return count }
                machine.took(
                    read,
                    EventPage(
                        events: log.filter { $0.position > after && $0.tenant == Self.big },
                        scannedThrough: through, head: Position(7), epoch: 1),
                    now: .zero, wall: Timestamp(microseconds: 0))
            }
            return 100
        }
        #expect(reads() == 1)
        machine.tick(now: .seconds(1))
        #expect(reads() == 1)
    }

    private static func partition(_ tenant: TenantID, _ key: String) -> Int {
        Partition.of(tenant: tenant, key: key)
    }

    private static func taken(
        _ partition: Int, work: ClosedRange<UInt64>, _ lane: StoredLane
    ) -> TakenPartition {
        TakenPartition(
            partition: partition, fence: 1, serial: 0, cursor: Position(7),
            work: work.map { number in
                StoredWork(
                    position: Position(number), state: .waiting, attempt: 0, lost: 0, ticket: 0,
                    fence: 0, delay: .zero, isRevived: false)
            },
            lanes: [lane])
    }
}
