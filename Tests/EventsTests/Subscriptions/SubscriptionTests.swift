import TestSupport
import Testing

@testable import Events

@Suite struct SubscriptionTests {
    private let log: ScriptedLog
    private let clock = ManualClock()
    private let tail: EventTail
    private let subscriptions: Subscriptions

    init() {
        log = ScriptedLog()
        tail = EventTail(log: log, clock: clock)
        subscriptions = Subscriptions(log: log, tail: tail)
    }

    private func running(_ body: @escaping @Sendable () async throws -> Void) async throws {
        try await withLive(tail, clock, body)
    }

    /// Commits as this node does.
    private func publish(_ positions: ClosedRange<UInt64>) {
        let events = SampleEvents.events(positions)
        log.store(events)
        tail.committed(events)
    }

    /// As another node does, without a hint.
    private func publishQuietly(_ positions: ClosedRange<UInt64>) {
        log.store(SampleEvents.events(positions))
    }

    private func request(
        _ start: SubscriptionRequest.Start, types: [String] = [], untilCaughtUp: Bool = false
    ) -> SubscriptionRequest {
        SubscriptionRequest(
            filter: EventFilter(types: types.compactMap(TypePattern.init), tenants: .all),
            start: start, heartbeat: .seconds(10), untilCaughtUp: untilCaughtUp)
    }

    /// What the next deliveries hold; time may have brought checkpoints before them.
    private func nextPositions(_ subscription: inout Subscription) async throws -> [UInt64]? {
        while let item = try await subscription.next() {
            if case .checkpoint = item { continue }
            return positions(item)
        }
        return nil
    }

    private func positions(_ item: SubscriptionItem?) -> [UInt64]? {
        guard case .deliveries(let events) = item else { return nil }
        return events.map(\.position.rawValue)
    }

    @Test func `history comes first, then what is published`() async throws {
        log.store(SampleEvents.events(1...3))
        try await running {
            var subscription = try await subscriptions.open(request(.beginning))
            #expect(try await nextPositions(&subscription) == [1, 2, 3])
            guard case .caughtUp(Position(3)) = try await subscription.next(),
                case .checkpoint(Position(3)) = try await subscription.next()
            else {
                Issue.record("caught up, and a checkpoint")
                return
            }
            publish(4...5)
            #expect(try await nextPositions(&subscription) == [4, 5])
        }
    }

    @Test func `what other nodes publish is found without a hint`() async throws {
        try await running {
            var subscription = try await subscriptions.open(request(.end))
            _ = try await subscription.next()
            _ = try await subscription.next()
            log.store(SampleEvents.events(1...2))
            #expect(try await nextPositions(&subscription) == [1, 2])
        }
    }

    @Test func `checkpoints come also when nothing matches`() async throws {
        log.store(SampleEvents.events(1...300))
        try await running {
            var subscription = try await subscriptions.open(
                request(.beginning, types: ["order.paid"]))
            guard case .caughtUp = try await subscription.next() else {
                Issue.record("nothing matches")
                return
            }
            for _ in 0..<5 {
                guard case .checkpoint(Position(300)) = try await subscription.next() else {
                    Issue.record("a checkpoint at the head")
                    return
                }
            }
        }
    }

    @Test func `until caught up ends at the head`() async throws {
        log.store(SampleEvents.events(1...1_200))
        try await running {
            var subscription = try await subscriptions.open(
                request(.beginning, untilCaughtUp: true))
            var seen: [UInt64] = []
            while let item = try await subscription.next() { seen += positions(item) ?? [] }
            #expect(seen == Array(1...1_200))
        }
    }

    @Test func `a cursor continues right after it`() async throws {
        log.store(SampleEvents.events(1...9))
        try await running {
            let first = try await subscriptions.open(request(.beginning))
            let cursor = first.cursor(after: Position(6)).encoded()
            var second = try await subscriptions.open(request(.cursor(cursor)))
            #expect(try await nextPositions(&second) == [7, 8, 9])
        }
    }

    @Test func `since starts with what was recorded then`() async throws {
        log.store(SampleEvents.events(1...9))
        try await running {
            let moment = SampleEvents.event(5).recordedAt
            var subscription = try await subscriptions.open(request(.since(moment)))
            #expect(try await nextPositions(&subscription) == [5, 6, 7, 8, 9])
        }
    }

    @Test func `a time from which retention dropped events is out of range`() async throws {
        log.store(SampleEvents.events(1...9))
        log.drop(through: 4)
        try await running {
            for old in [UInt64(1), 4] {
                let error = await #expect(throws: EventsError.self) {
                    _ = try await subscriptions.open(
                        request(.since(SampleEvents.event(old).recordedAt)))
                }
                #expect(error?.reason == .positionExpired)
            }
            var kept = try await subscriptions.open(
                request(.since(SampleEvents.event(6).recordedAt)))
            #expect(try await nextPositions(&kept) == [6, 7, 8, 9])
            log.drop(through: 9)
            _ = try await subscriptions.open(request(.since(SampleEvents.event(50).recordedAt)))
        }
    }

    @Test func `large events come in batches that stay small`() async throws {
        let large = (1...UInt64(4)).map {
            SampleEvents.event($0, data: Array(repeating: 1, count: 700_000))
        }
        log.store(large)
        try await running {
            var subscription = try await subscriptions.open(request(.beginning))
            #expect(try await nextPositions(&subscription) == [1, 2])
            #expect(try await nextPositions(&subscription) == [3, 4])
        }
    }

    @Test func `draining tells the last position, then says unavailable`() async throws {
        log.store(SampleEvents.events(1...2))
        try await running {
            var subscription = try await subscriptions.open(request(.after(Position(1))))
            #expect(try await nextPositions(&subscription) == [2])
            subscriptions.drain()
            guard case .checkpoint(Position(2)) = try await subscription.next() else {
                Issue.record("the last position")
                return
            }
            let error = await #expect(throws: EventsError.self) {
                _ = try await subscription.next()
            }
            #expect(error?.code == .unavailable)
            #expect(error?.reason == .draining)
        }
    }

    @Test func `a cancelled subscriber stops waiting`() async throws {
        try await running {
            let wasCancelled = await withTaskGroup(of: Bool.self) { group in
                group.addTask {
                    do {
                        var subscription = try await subscriptions.open(request(.end))
                        while try await subscription.next() != nil {}
                        return false
                    } catch {
                        return error is CancellationError
                    }
                }
                await Task.yield()
                group.cancelAll()
                return await group.next()
            }
            #expect(wasCancelled == true)
        }
    }

    @Test func `a start that cannot be is refused`() async throws {
        log.store(SampleEvents.events(1...9))
        log.drop(through: 3)
        log.openEpoch(2, after: 7)
        func refusal(_ start: SubscriptionRequest.Start) async -> EventsError? {
            await #expect(throws: EventsError.self) {
                _ = try await subscriptions.open(request(start))
            }
        }
        let beyond = await refusal(.after(Position(10)))
        #expect(beyond?.code == .outOfRange)
        #expect(beyond?.reason == .positionBeyondHead)
        #expect(await refusal(.after(Position(2)))?.reason == .positionExpired)
        let lost = Cursor(position: Position(8), epoch: 1).encoded()
        #expect(await refusal(.cursor(lost))?.reason == .logDiverged)
        #expect(await refusal(.cursor([1, 2, 3]))?.code == .invalidArgument)
        #expect(await refusal(.cursor([]))?.code == .invalidArgument)
        let kept = Cursor(position: Position(7), epoch: 1).encoded()
        _ = try await subscriptions.open(request(.cursor(kept)))
        _ = try await subscriptions.open(request(.after(Position(3))))
    }

    @Test func `who wants none of it sleeps, and is told how far the log is`() async throws {
        var subscription = try await subscriptions.open(request(.end, types: ["order.paid"]))
        _ = try await subscription.next()
        _ = try await subscription.next()
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask { [subscription] in
                var subscription = subscription
                guard case .checkpoint(Position(20_000)) = try await subscription.next() else {
                    Issue.record("nothing matches up to the head")
                    return true
                }
                return true
            }
            group.addTask {
                do { try await tail.run() } catch is CancellationError {}
                return false
            }
            while tail.waiting == 0 { await Task.yield() }
            let reads = log.filteredReads
            // More than the tail can hold: whoever had to look would have to read the log.
            for round in UInt64(0)..<20 { publish(round * 1_000 + 1...round * 1_000 + 1_000) }
            #expect(tail.look { $0.ring.floor } > .zero)
            // Only now does time pass.
            group.addTask {
                while !Task.isCancelled {
                    clock.advance(by: .seconds(1))
                    await Task.yield()
                }
                return false
            }
            while let isSubscriber = try await group.next(), !isSubscriber {}
            group.cancelAll()
            #expect(log.filteredReads == reads)
        }
    }

    @Test func `the wire form tells the same`() async throws {
        log.store(SampleEvents.events(1...700))
        try await running {
            var subscription = try await subscriptions.open(request(.beginning))
            var seen: [UInt64] = []
            while seen.count < 700,
                let item = try await subscription.next(encodedBy: PlainEncoder())
            {
                guard case .history = item else { continue }
                var page = subscription.takePage()
                while let batch = try page?.nextBatch(encodedBy: PlainEncoder()) {
                    seen += PlainEncoder.positions(batch.bytes)
                }
            }
            publish(701...703)
            while seen.count < 703,
                let item = try await subscription.next(encodedBy: PlainEncoder())
            {
                guard case .deliveries(let batch) = item else { continue }
                seen += PlainEncoder.positions(batch.bytes)
            }
            #expect(seen == Array(1...703))
        }
    }

    @Test func `a log that was restored ends the streams that saw what is gone`() async throws {
        try await running {
            publish(1...9)
            var ahead = try await subscriptions.open(request(.beginning))
            var waiting = try await subscriptions.open(request(.end))
            var behind = try await subscriptions.open(request(.after(Position(5))))
            #expect(try await nextPositions(&ahead) == Array(1...9))
            _ = try await waiting.next()
            _ = try await waiting.next()
            log.restore(to: 5, epoch: 2)
            tail.reached(try await log.bounds())
            for var lost in [ahead, waiting] {
                let error = await #expect(throws: EventsError.self) {
                    while try await lost.next() != nil {}
                }
                #expect(error?.reason == .logDiverged)
            }
            publish(6...7)
            #expect(try await nextPositions(&behind) == [6, 7])
            #expect(behind.epoch == 2)
            #expect(tail.known == Position(7))
        }
    }

    @Test func `a waiting subscriber hears of a restore at once`() async throws {
        publishQuietly(1...9)
        try await running {
            try await withThrowingTaskGroup(of: EventsError.Reason?.self) { group in
                group.addTask {
                    do {
                        var waiting = try await subscriptions.open(request(.end))
                        while try await waiting.next() != nil {}
                        return nil
                    } catch let error as EventsError {
                        return error.reason
                    }
                }
                while tail.waiting == 0 { await Task.yield() }
                log.restore(to: 5, epoch: 2)
                tail.reached(try await log.bounds())
                #expect(try await group.next() == .logDiverged)
            }
        }
    }

    @Test func `a hint of another history does not keep the log busy`() async throws {
        publishQuietly(1...3)
        try await running {
            var subscription = try await subscriptions.open(request(.end))
            _ = try await subscription.next()
            _ = try await subscription.next()
            tail.grew(to: Position(9))
            let reads = log.reads
            publish(4...4)
            #expect(try await nextPositions(&subscription) == [4])
            while tail.known != Position(4) { await Task.yield() }
            #expect(log.reads <= reads + 3)
        }
    }

    @Test func `a log that is away for a while loses nobody`() async throws {
        try await running {
            var subscription = try await subscriptions.open(request(.end))
            _ = try await subscription.next()
            _ = try await subscription.next()
            log.goAway()
            for _ in 0..<200 { await Task.yield() }
            log.store(SampleEvents.events(1...2))
            log.goAway(false)
            #expect(try await nextPositions(&subscription) == [1, 2])
        }
    }

    @Test func `a live subscriber costs the log no read`() async throws {
        try await running {
            var subscription = try await subscriptions.open(request(.end))
            _ = try await subscription.next()
            _ = try await subscription.next()
            publish(1...1)
            #expect(try await nextPositions(&subscription) == [1])
            let reads = log.reads
            for position in UInt64(2)...50 {
                publish(position...position)
                #expect(try await nextPositions(&subscription) == [position])
            }
            // The tail's own poll aside.
            #expect(log.reads - reads < 20)
        }
    }
}
