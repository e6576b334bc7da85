import Testing

@testable import Events

/// Subscribers, the tail's reader and two nodes' commits in random order, against a model: a list.
@Suite struct HandOverTests {
    @Test(arguments: 0..<24 as Range<UInt64>)
    func `no schedule makes a gap or a repeat between log and tail`(seed: UInt64) {
        var world = World(seed: seed)
        for _ in 0..<2_000 { world.step() }
        world.settle()
        for subscriber in world.subscribers {
            #expect(subscriber.fault == nil)
            let isExact = subscriber.seen == world.expected(by: subscriber)
            #expect(isExact)
            #expect(subscriber.machine.position == world.head)
            #expect(subscriber.caughtUpCount == 1)
        }
    }
}

/// SplitMix64: the same schedule for the same seed.
private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }
}

private struct Subscriber {
    var machine: SubscriptionStateMachine
    let start: Position
    /// Sees positions that this divides.
    let divisor: UInt64
    var seen: [UInt64] = []
    /// A page of the log that was read but has not arrived.
    var inFlight: EventPage?
    var caughtUpCount = 0
    var fault: String?

    mutating func take(_ page: EventPage) {
        for event in page.events { seen.append(event.position.rawValue) }
        machine.scanned(through: page.scannedThrough, head: page.head)
    }
}

private struct World {
    var generator: SeededGenerator
    var log: [RecordedEvent] = []
    var ring = TailRing(limits: .init(maxEvents: 40))
    /// Commits of this node that the tail was not told of yet.
    var announcements: [[RecordedEvent]] = []
    /// The reader's page that was read but has not arrived.
    var readerPage: EventPage?
    var subscribers: [Subscriber] = []
    var now: Duration = .zero

    var head: Position { Position(UInt64(log.count)) }

    init(seed: UInt64) {
        generator = SeededGenerator(state: seed)
    }

    func expected(by subscriber: Subscriber) -> [UInt64] {
        let first = subscriber.start.rawValue + 1
        guard first <= head.rawValue else { return [] }
        return (first...head.rawValue).filter { $0 % subscriber.divisor == 0 }
    }

    private func read(after: Position, divisor: UInt64, limit: Int) -> EventPage {
        var events: [RecordedEvent] = []
        var through = after
        for event in log[Int(after.rawValue)...] {
            through = event.position
            if event.position.rawValue % divisor == 0 { events.append(event) }
            if events.count == limit { break }
        }
        return EventPage(events: events, scannedThrough: through, head: head, epoch: 1)
    }

    private mutating func random(_ bound: Int) -> Int {
        Int.random(in: 0..<bound, using: &generator)
    }

    mutating func step() {
        now += .milliseconds(random(50))
        switch random(12) {
        case 0: commit(announced: true)
        case 1: commit(announced: false)
        case 2: if !announcements.isEmpty { _ = ring.append(announcements.removeFirst()) }
        case 3: ring.heard(of: Position(UInt64(random(log.count + 1))))
        case 4: stepReader()
        case 5:
            if subscribers.count < 6 {
                let start = Position(UInt64(random(log.count + 1)))
                subscribers.append(
                    Subscriber(
                        machine: SubscriptionStateMachine(
                            after: start, head: head, heartbeat: .milliseconds(500), now: now),
                        start: start, divisor: UInt64([1, 1, 3, 7][random(4)])))
            }
        default:
            if !subscribers.isEmpty { step(subscriber: random(subscribers.count)) }
        }
    }

    private mutating func commit(announced: Bool) {
        let events = (1...UInt64(1 + random(9))).map { SampleEvents.event(head.rawValue + $0) }
        log += events
        if announced { announcements.append(events) }
    }

    private mutating func stepReader() {
        if let page = readerPage {
            readerPage = nil
            _ = ring.append(page.events)
            ring.heard(of: page.head)
        } else if !ring.isPrimed {
            _ = ring.prime(at: SampleEvents.bounds(head.rawValue))
        } else if case .read(let after) = ring.upkeep() {
            readerPage = read(after: after, divisor: 1, limit: 13)
        }
    }

    private mutating func step(subscriber index: Int) {
        if let page = subscribers[index].inFlight {
            subscribers[index].inFlight = nil
            subscribers[index].take(page)
            return
        }
        switch subscribers[index].machine.next(now: now) {
        case .readLog(let after):
            let divisor = subscribers[index].divisor
            subscribers[index].inFlight = read(after: after, divisor: divisor, limit: 5)
        case .readTail(let after): readTail(index, after)
        case .wait: break
        case .checkpoint(let position):
            let expected = expected(by: subscribers[index]).prefix { $0 <= position.rawValue }
            if subscribers[index].seen != Array(expected) {
                subscribers[index].fault = "checkpoint \(position) before its events"
            }
        case .caughtUp: subscribers[index].caughtUpCount += 1
        case .finish, .drained: subscribers[index].fault = "ended"
        }
    }

    private mutating func readTail(_ index: Int, _ after: Position) {
        switch ring.read(after: after, scanning: 1 + random(20)) {
        case .behind: subscribers[index].machine.tailIsAhead()
        case .end: subscribers[index].machine.tailEnded(known: ring.known)
        case .events(let slices, let through):
            let divisor = subscribers[index].divisor
            let events = slices.flatMap { $0.filter { $0.position.rawValue % divisor == 0 } }
            subscribers[index].take(
                EventPage(events: events, scannedThrough: through, head: ring.head, epoch: 1))
        }
    }

    private var isQuiet: Bool {
        subscribers.allSatisfy { $0.machine.position == head && $0.caughtUpCount > 0 }
    }

    /// Everybody goes on until all is quiet.
    mutating func settle() {
        ring.heard(of: head)
        for _ in 0..<20_000 where !isQuiet {
            while !announcements.isEmpty { _ = ring.append(announcements.removeFirst()) }
            stepReader()
            for index in subscribers.indices { step(subscriber: index) }
        }
    }
}
