import TestSupport

@testable import Events

/// A log that lives through restores, two nodes' commits, a tail that hears of some of it, and
/// subscribers at every pace; each step is one of them doing the next thing, in random order.
struct HandOverWorld {
    struct Subscriber {
        var machine: SubscriptionStateMachine
        let filter: CompiledFilter
        /// A page of the log that was read but has not arrived.
        var page: EventPage?
        /// As the page, of the question where the log stands.
        var bounds: LogBounds?
        var isWaiting = false
        var caughtUpCount = 0
        /// Where it was when it was told so; nil while it goes on.
        var divergedAt: Position?
        var hasDrained = false
    }

    private static let filters = [
        EventFilter.everything,
        EventFilter(tenants: .only([TenantID(unchecked: "acme")])),
        EventFilter(types: ["lead.created"].compactMap(TypePattern.init), tenants: .all),
        EventFilter(
            types: ["order.**"].compactMap(TypePattern.init),
            tenants: .only([TenantID(unchecked: "globex"), TenantID(unchecked: "acme")])),
        EventFilter(types: ["no.such"].compactMap(TypePattern.init), tenants: .all),
        EventFilter(tenants: .all, subjectPrefix: "lead/1"),
    ]

    private var generator: SeededGenerator
    /// What the log held in each epoch, as it was when the next one opened.
    private var histories: [UInt64: [RecordedEvent]] = [1: []]
    private var epochs = [LogEpoch(id: 1, openedAfter: .zero)]
    private var ring = TailRing(limits: .init(maxEvents: 40))
    private var waiters = TailWaiters<Int>()
    /// Commits of this node that the tail was not told of yet. A new epoch is told after them.
    private var announcements: [[RecordedEvent]] = []
    /// The reader's page that was read but has not arrived, and what was known when it asked.
    private var readerPage: (page: EventPage, asked: Position)?
    private var now: Duration = .zero
    private var isDraining = false
    private(set) var subscribers: [Subscriber] = []
    private(set) var steps = 0
    /// What must never be; empty.
    private(set) var faults: [String] = []

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
        _ = ring.prime(at: bounds)
    }

    private var epoch: UInt64 { epochs[epochs.count - 1].id }
    private var log: [RecordedEvent] { histories[epoch] ?? [] }
    var head: Position { Position(UInt64(log.count)) }
    private var bounds: LogBounds {
        LogBounds(earliest: Position(1), head: head, epochs: epochs)
    }

    private mutating func random(_ bound: Int) -> Int {
        Int.random(in: 0..<bound, using: &generator)
    }

    // MARK: Steps

    mutating func step() {
        steps += 1
        now += .milliseconds(random(50))
        switch random(14) {
        case 0: commit(isAnnounced: true)
        case 1: commit(isAnnounced: false)
        case 2: announce()
        case 3: heard(of: Position(UInt64(random(log.count + 1))))
        case 4, 5: stepReader()
        case 6: endWaits()
        case 7: if subscribers.count < 8 { subscribe() }
        case 8: if random(60) == 0 { restore() }
        default: if !subscribers.isEmpty { step(random(subscribers.count)) }
        }
        if subscribers.count == 8, random(40) == 0 { unsubscribe(random(8)) }
    }

    private mutating func commit(isAnnounced: Bool) {
        let type = ["lead.created", "order.paid", "order.line.paid"][random(3)]
        let tenant = ["acme", "globex"][random(2)]
        let first = head.rawValue
        // Most commits are of one key.
        let isMixed = random(4) == 0
        var events: [RecordedEvent] = []
        for number in 1...UInt64(1 + random(9)) {
            events.append(
                SampleEvents.event(
                    first + number, type: isMixed && number % 2 == 0 ? "chat.sent" : type,
                    tenant: isMixed && number % 3 == 0 ? "initech" : tenant,
                    subject: "lead/\(random(20))"))
        }
        // A node hears of a new epoch before it stores anything in it.
        if isAnnounced { learn(bounds) }
        histories[epoch, default: []] += events
        if isAnnounced { announcements.append(events) }
    }

    private mutating func announce() {
        guard !announcements.isEmpty else { return }
        let events = announcements.removeFirst()
        if let chunk = ring.append(events) { wake(waiters.take(interestedIn: chunk)) }
    }

    private mutating func heard(of position: Position) {
        ring.heard(of: position)
    }

    /// Postgres goes back to an earlier moment. What the lost server told arrives before the node
    /// has another connection.
    private mutating func restore() {
        while !announcements.isEmpty { announce() }
        let kept = Array(log.prefix(log.count - random(min(log.count, 30) + 1)))
        let id = epoch + 1
        histories[id] = kept
        epochs.append(LogEpoch(id: id, openedAfter: Position(UInt64(kept.count))))
        // Who hears of it first is anybody's guess.
        if random(2) == 0 { learn(bounds) }
    }

    private mutating func learn(_ bounds: LogBounds) {
        let floor = ring.floor
        let verdict = ring.reached(bounds)
        if verdict == .changed || ring.floor != floor { wake(waiters.takeAll()) }
    }

    private mutating func stepReader() {
        if let (page, asked) = readerPage {
            readerPage = nil
            do throws(TailRing.OtherHistory) {
                if let chunk = try ring.take(page, asked: asked) {
                    wake(waiters.take(interestedIn: chunk))
                }
            } catch {
                learn(bounds)
            }
            return
        }
        let floor = ring.floor
        let upkeep = ring.upkeep()
        if ring.floor != floor { wake(waiters.takeAll()) }
        let after: Position
        switch upkeep {
        case .read(let position): after = position
        case .nothing: after = ring.head
        }
        guard after <= head else { return learn(bounds) }
        readerPage = (read(after, .everything, limit: 13), ring.known)
    }

    private mutating func endWaits() {
        wake(waiters.take(dueAt: now, head: ring.head))
    }

    private mutating func wake(_ due: [TailWaiters<Int>.Due]) {
        for waiter in due where subscribers.indices.contains(waiter.token) {
            subscribers[waiter.token].isWaiting = false
            pass(waiter.token, through: waiter.through)
            subscribers[waiter.token].machine.waited(through: waiter.through)
        }
    }

    // MARK: Subscribers

    private mutating func subscribe() {
        learn(bounds)
        let start = random(3) == 0 ? head : Position(UInt64(random(log.count + 1)))
        subscribers.append(
            Subscriber(
                machine: SubscriptionStateMachine(
                    after: start, bounds: bounds, heartbeat: .milliseconds(500), now: now),
                filter: CompiledFilter(Self.filters[random(Self.filters.count)])))
    }

    /// The last takes the place that became free.
    private mutating func unsubscribe(_ index: Int) {
        wake(waiters.takeAll())
        subscribers.swapAt(index, subscribers.count - 1)
        subscribers.removeLast()
    }

    private func read(_ after: Position, _ filter: EventFilter, limit: Int) -> EventPage {
        var events: [RecordedEvent] = []
        var through = after
        for event in log.dropFirst(Int(after.rawValue)) {
            through = event.position
            if filter.matches(event) { events.append(event) }
            if events.count == limit { break }
        }
        return EventPage(events: events, scannedThrough: through, head: head, epoch: epoch)
    }

    private mutating func step(_ index: Int) {
        let subscriber = subscribers[index]
        guard !subscriber.isWaiting, subscriber.divergedAt == nil, !subscriber.hasDrained else {
            return
        }
        if let page = subscriber.page {
            subscribers[index].page = nil
            if page.epoch == subscriber.machine.epoch {
                ring.heard(of: page.head)
                take(page, index)
            } else {
                subscribers[index].machine.sawOtherHistory()
            }
            return
        }
        if let bounds = subscriber.bounds {
            subscribers[index].bounds = nil
            goOn(index, bounds)
            return
        }
        switch subscribers[index].machine.next(now: now, draining: isDraining) {
        case .readLog(let after):
            subscribers[index].page = read(after, subscriber.filter.filter, limit: 1 + random(30))
        case .readTail(let after): readTail(index, after)
        case .readBounds: subscribers[index].bounds = bounds
        case .wait(let after, let deadline): wait(index, after, deadline)
        case .checkpoint(let position):
            if position != subscriber.machine.position { fault(index, "a checkpoint elsewhere") }
        case .caughtUp: subscribers[index].caughtUpCount += 1
        case .drained: subscribers[index].hasDrained = true
        case .finish: fault(index, "ended")
        }
    }

    private mutating func wait(_ index: Int, _ after: Position, _ deadline: Duration) {
        let machine = subscribers[index].machine
        guard !isDraining, ring.head <= after, ring.history.epoch == machine.epoch else {
            subscribers[index].machine.waited(through: after)
            return
        }
        subscribers[index].isWaiting = true
        waiters.add(
            UInt64(index),
            .init(
                after: after, epoch: machine.epoch, filter: subscribers[index].filter,
                deadline: deadline, token: index))
    }

    private mutating func readTail(_ index: Int, _ after: Position) {
        let filter = subscribers[index].filter
        guard let epoch = ring.history.epoch, epoch == subscribers[index].machine.epoch else {
            subscribers[index].machine.sawOtherHistory()
            return
        }
        switch ring.read(after: after, scanning: 1 + random(20)) {
        case .behind: subscribers[index].machine.tailIsAhead()
        case .end: subscribers[index].machine.tailEnded(known: ring.known)
        case .events(let slices, let through):
            let stretch = EventTail.Stretch(slices: slices, through: through, head: ring.head)
            take(EventTail.events(stretch, filter, epoch: epoch, limit: 1 + random(9)), index)
        }
    }

    private mutating func goOn(_ index: Int, _ bounds: LogBounds) {
        let machine = subscribers[index].machine
        learn(bounds)
        do throws(EventsError) {
            try subscribers[index].machine.goOn(in: bounds)
            let gone = epochs.first { $0.id > machine.epoch && $0.openedAfter < machine.position }
            if gone != nil, bounds.epoch.id >= gone?.id ?? 0 { fault(index, "went on past a fork") }
        } catch {
            subscribers[index].divergedAt = machine.position
            let fork = epochs.first { $0.id > machine.epoch && $0.openedAfter < machine.position }
            if fork == nil { fault(index, "was ended without a reason") }
        }
    }

    // MARK: What must be

    /// A page is what the history of the subscriber's epoch holds there, no more and no less.
    private mutating func take(_ page: EventPage, _ index: Int) {
        let subscriber = subscribers[index]
        let expected = matching(subscriber, through: page.scannedThrough)
        // Objects, not positions: another history has others there.
        let isHeld = page.scannedThrough.rawValue <= histories[subscriber.machine.epoch]?.count ?? 0
        let isRight = page.events.elementsEqual(expected) { $0.content === $1.content }
        if !isHeld || !isRight {
            fault(index, "got \(page.events.map(\.position)), not \(expected.map(\.position))")
        }
        subscribers[index].machine.scanned(through: page.scannedThrough, head: page.head)
    }

    private mutating func pass(_ index: Int, through: Position) {
        let missed = matching(subscribers[index], through: through)
        if !missed.isEmpty { fault(index, "passed over \(missed.map(\.position))") }
    }

    private func matching(_ subscriber: Subscriber, through: Position) -> [RecordedEvent] {
        let history = histories[subscriber.machine.epoch] ?? []
        let first = Int(subscriber.machine.position.rawValue)
        guard through.rawValue > first else { return [] }
        return history.prefix(Int(through.rawValue)).dropFirst(first)
            .filter(subscriber.filter.filter.matches)
    }

    private mutating func fault(_ index: Int, _ text: String) {
        faults.append("subscriber \(index) at \(subscribers[index].machine.position): \(text)")
    }

    // MARK: The end

    private func isQuiet(_ subscriber: Subscriber) -> Bool {
        subscriber.divergedAt != nil
            || subscriber.machine.position == head && subscriber.caughtUpCount > 0
    }

    /// Everybody goes on until all is quiet: who is not ended gets to the head.
    mutating func settle() {
        learn(bounds)
        for _ in 0..<50_000 where !subscribers.allSatisfy(isQuiet) {
            now += .milliseconds(20)
            announce()
            stepReader()
            endWaits()
            for index in subscribers.indices { step(index) }
            steps += subscribers.count + 3
        }
        for (index, subscriber) in subscribers.enumerated() {
            if !isQuiet(subscriber) { fault(index, "never got to the head \(head)") }
            if subscriber.caughtUpCount > 1 { fault(index, "was caught up twice") }
        }
    }

    /// The node stops: everybody who is left is told where they are, and ends.
    mutating func drain() {
        isDraining = true
        wake(waiters.takeAll())
        for _ in 0..<8 { for index in subscribers.indices { step(index) } }
        for (index, subscriber) in subscribers.enumerated()
        where subscriber.divergedAt == nil && !subscriber.hasDrained {
            fault(index, "did not drain")
        }
    }
}
