import TestSupport
import Testing

@testable import Postgres

@Suite struct PoolStateMachineTests {
    private let start = ContinuousClock.now

    private func machine(size: Int, minimum: Int = 0, maxWaiting: Int = 10) -> PoolStateMachine {
        PoolStateMachine(size: size, minimum: minimum, maxWaiting: maxWaiting)
    }

    @Test func `the first caller waits for a connection, and one is made`() {
        var machine = machine(size: 3)
        #expect(machine.acquire(.shared, waiter: 1, now: start) == .wait)
        #expect(machine.wanted() == 1)
        #expect(machine.wanted() == 0)
        #expect(machine.connected(7) == [.init(waiter: 1, connection: 7)])
    }

    @Test func `sharers spread over what is open, and more is opened when all are busy`() {
        var machine = machine(size: 2)
        _ = machine.acquire(.shared, waiter: 1, now: start)
        _ = machine.wanted()
        _ = machine.connected(1)
        #expect(machine.acquire(.shared, waiter: 2, now: start) == .use(connection: 1))
        #expect(machine.wanted() == 1)
        #expect(machine.connected(2) == [])
        #expect(machine.acquire(.shared, waiter: 3, now: start) == .use(connection: 2))
        #expect(machine.wanted() == 0)
    }

    @Test func `no more are opened than may be`() {
        var machine = machine(size: 2)
        for waiter in 1...5 { _ = machine.acquire(.alone, waiter: waiter, now: start) }
        #expect(machine.wanted() == 2)
        #expect(machine.wanted() == 0)
        #expect(machine.connected(1) == [.init(waiter: 1, connection: 1)])
        #expect(machine.connected(2) == [.init(waiter: 2, connection: 2)])
        #expect(machine.wanted() == 0)
        #expect(machine.release(2, .alone) == [.init(waiter: 3, connection: 2)])
    }

    @Test func `who wants a connection alone gets it in spite of sharers`() {
        var machine = machine(size: 1, minimum: 1)
        #expect(machine.wanted() == 1)
        _ = machine.connected(1)
        #expect(machine.acquire(.shared, waiter: 1, now: start) == .use(connection: 1))
        #expect(machine.acquire(.alone, waiter: 2, now: start) == .wait)
        #expect(machine.acquire(.shared, waiter: 3, now: start) == .wait)
        #expect(machine.release(1, .shared) == [.init(waiter: 2, connection: 1)])
        #expect(machine.release(1, .alone) == [.init(waiter: 3, connection: 1)])
    }

    @Test func `a reservation whose caller left is given up`() {
        var machine = machine(size: 1, minimum: 1)
        _ = machine.wanted()
        _ = machine.connected(1)
        _ = machine.acquire(.shared, waiter: 1, now: start)
        _ = machine.acquire(.alone, waiter: 2, now: start)
        _ = machine.acquire(.shared, waiter: 3, now: start)
        let (wasWaiting, grants) = machine.cancel(waiter: 2)
        #expect(wasWaiting)
        #expect(grants == [.init(waiter: 3, connection: 1)])
        #expect(machine.cancel(waiter: 2).wasWaiting == false)
    }

    @Test func `a reservation whose caller got another connection is given up`() {
        var machine = open(2)
        _ = machine.acquire(.alone, waiter: 1, now: start)
        _ = machine.acquire(.shared, waiter: 2, now: start)
        #expect(machine.acquire(.alone, waiter: 3, now: start) == .wait)
        #expect(machine.acquire(.shared, waiter: 4, now: start) == .wait)
        // The one that was lent comes first; the other, set aside for 3, is for 4 then.
        #expect(
            machine.release(1, .alone) == [
                .init(waiter: 3, connection: 1), .init(waiter: 4, connection: 2),
            ])
    }

    @Test func `nobody is sent to a connection whose caller left until the server has answered`() {
        var machine = open(2)
        #expect(machine.acquire(.shared, waiter: 1, now: start) == .use(connection: 1))
        machine.abandon(1)
        #expect(machine.acquire(.shared, waiter: 2, now: start) == .use(connection: 2))
        #expect(machine.acquire(.shared, waiter: 3, now: start) == .use(connection: 2))
        machine.abandon(2)
        #expect(machine.acquire(.shared, waiter: 4, now: start) == .wait)
        #expect(machine.release(2, .shared) == [])
        #expect(machine.releaseAbandoned(1, .shared) == [.init(waiter: 4, connection: 1)])
        #expect(machine.releaseAbandoned(2, .shared) == [])
        #expect(machine.acquire(.alone, waiter: 5, now: start) == .use(connection: 2))
    }

    /// Callers come, leave and give back in random order, connections are lost and made anew: in the
    /// end everybody was served, and each connection can be had alone.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func `no order of callers loses a connection`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let size = Int.random(in: 1...4, using: &random)
        var machine = open(size)
        var nextConnection = size
        var uses: [Int: PoolStateMachine.Use] = [:]
        var waiting: Set<Int> = []
        var held: [(connection: Int, use: PoolStateMachine.Use)] = []
        func take(_ grants: [PoolStateMachine.Grant]) {
            for grant in grants {
                #expect(waiting.remove(grant.waiter) != nil)
                held.append((grant.connection, uses[grant.waiter] ?? .shared))
            }
        }
        for waiter in 1...400 {
            let use: PoolStateMachine.Use = Bool.random(using: &random) ? .shared : .alone
            uses[waiter] = use
            switch machine.acquire(use, waiter: waiter, now: start) {
            case .use(let connection): held.append((connection, use))
            case .wait: waiting.insert(waiter)
            case .refused: break
            }
            if let gone = waiting.randomElement(using: &random), waiter % 7 == 0 {
                waiting.remove(gone)
                let (wasWaiting, grants) = machine.cancel(waiter: gone)
                #expect(wasWaiting)
                take(grants)
            }
            if waiter % 50 == 0 {
                let lost = nextConnection - Int.random(in: 0..<size, using: &random)
                held.removeAll { $0.connection == lost }
                take(machine.lost(lost))
                for _ in 0..<machine.wanted() {
                    nextConnection += 1
                    take(machine.connected(nextConnection))
                }
            }
            while !held.isEmpty, Int.random(in: 0..<5, using: &random) < 3 {
                let one = held.remove(at: Int.random(in: 0..<held.count, using: &random))
                if Bool.random(using: &random) {
                    take(machine.release(one.connection, one.use))
                } else {
                    machine.abandon(one.connection)
                    take(machine.releaseAbandoned(one.connection, one.use))
                }
            }
            let lent = held.filter { $0.use == .alone }.map(\.connection)
            #expect(Set(lent).count == lent.count)
            #expect(!held.contains { $0.use == .shared && lent.contains($0.connection) })
        }
        while let one = held.popLast() { take(machine.release(one.connection, one.use)) }
        #expect(waiting.isEmpty && machine.waiters == 0)
        let free = (0..<machine.open).map { _ in machine.acquireAtOnce(.alone) }
        #expect(!free.contains(nil))
    }

    private func open(_ size: Int) -> PoolStateMachine {
        var machine = machine(size: size, minimum: size)
        for connection in 1...machine.wanted() { _ = machine.connected(connection) }
        return machine
    }

    @Test func `more than may wait are refused`() {
        var machine = machine(size: 1, maxWaiting: 2)
        #expect(machine.acquire(.shared, waiter: 1, now: start) == .wait)
        #expect(machine.acquire(.shared, waiter: 2, now: start) == .wait)
        #expect(machine.acquire(.shared, waiter: 3, now: start) == .refused)
    }

    @Test
    func `after failures those who waited long enough are told, and only without a connection`() {
        var machine = machine(size: 2)
        _ = machine.acquire(.shared, waiter: 1, now: start)
        _ = machine.acquire(.shared, waiter: 2, now: start + .seconds(2))
        _ = machine.wanted()
        #expect(machine.failed(now: start + .seconds(3), limit: .seconds(3)) == [1])
        #expect(machine.failed(now: start + .seconds(3), limit: nil) == [2])
        _ = machine.connected(1)
        _ = machine.acquire(.alone, waiter: 3, now: start)
        _ = machine.acquire(.alone, waiter: 4, now: start)
        #expect(machine.failed(now: start + .seconds(9), limit: .seconds(3)) == [])
    }

    @Test func `a lost connection is replaced when someone waits or the minimum asks for it`() {
        var machine = machine(size: 1, minimum: 1)
        _ = machine.wanted()
        _ = machine.connected(1)
        #expect(machine.acquire(.alone, waiter: 1, now: start) == .use(connection: 1))
        #expect(machine.lost(1) == [])
        #expect(machine.wanted() == 1)
        #expect(machine.release(1, .alone) == [])
        #expect(machine.connected(2) == [])
        #expect(machine.acquireAtOnce(.shared) == 2)
    }

    @Test func `the end refuses everyone`() {
        var machine = machine(size: 1)
        _ = machine.acquire(.shared, waiter: 1, now: start)
        #expect(machine.end() == [1])
        #expect(machine.acquire(.shared, waiter: 2, now: start) == .refused)
        #expect(machine.wanted() == 0)
        #expect(!machine.needsConnection)
    }
}

@Suite struct BackoffTests {
    @Test func `delays grow to the limit and are never quite the same`() {
        var backoff = Backoff(first: .milliseconds(50), limit: .seconds(1))
        let delays = (0..<8).map { _ in backoff.delay() }
        for (delay, whole) in zip(delays, [50, 100, 200, 400, 800, 1_000, 1_000, 1_000]) {
            #expect(delay >= .milliseconds(whole) / 2)
            #expect(delay <= .milliseconds(whole))
        }
        #expect(Set(delays).count == delays.count)
    }
}
