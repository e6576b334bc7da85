import Testing

@testable import Events

@Suite struct TailRingTests {
    private func ring(
        maxEvents: Int = 100, maxBytes: Int = 1 << 20, primedAt head: UInt64 = 0
    ) -> TailRing {
        var ring = TailRing(limits: .init(maxEvents: maxEvents, maxBytes: maxBytes))
        _ = ring.prime(at: SampleEvents.bounds(head))
        return ring
    }

    private func positions(_ reading: TailRing.Reading) -> [UInt64]? {
        guard case .events(let slices, _) = reading else { return nil }
        return slices.flatMap { $0.chunk.events[$0.range].map(\.position.rawValue) }
    }

    @Test func `adjacent commits need no read`() {
        var ring = ring()
        expect(ring.append(SampleEvents.events(1...3)) != nil, true)
        expect(ring.append(SampleEvents.events(4...4)) != nil, true)
        expect(ring.upkeep(), .nothing)
        #expect(positions(ring.read(after: Position(1), scanning: 10)) == [2, 3, 4])
    }

    @Test func `a commit beyond a gap is only heard of`() {
        var ring = ring()
        expect(ring.append(SampleEvents.events(1...3)) != nil, true)
        expect(ring.append(SampleEvents.events(6...7)) == nil, true)
        expect(ring.upkeep(), .read(after: Position(3)))
        expect(ring.append(SampleEvents.events(4...7)) != nil, true)
        expect(ring.upkeep(), .nothing)
        #expect(positions(ring.read(after: Position(2), scanning: 10)) == [3, 4, 5, 6, 7])
    }

    @Test func `what overlaps is taken once`() {
        var ring = ring()
        expect(ring.append(SampleEvents.events(1...5)) != nil, true)
        expect(ring.append(SampleEvents.events(3...8)) != nil, true)
        expect(ring.append(SampleEvents.events(2...7)) == nil, true)
        #expect(positions(ring.read(after: .zero, scanning: 10)) == Array(1...8))
    }

    @Test func `too many events push out the oldest commits`() {
        var ring = ring(maxEvents: 5)
        _ = ring.append(SampleEvents.events(1...3))
        _ = ring.append(SampleEvents.events(4...6))
        #expect(ring.floor == Position(3))
        #expect(ring.eventCount == 3)
        guard case .behind = ring.read(after: Position(2), scanning: 10) else {
            Issue.record("a reader below the floor must read the log")
            return
        }
        #expect(positions(ring.read(after: Position(3), scanning: 10)) == [4, 5, 6])
    }

    @Test func `too many bytes push out the oldest commits`() {
        var ring = ring(maxBytes: 10_000)
        for position in UInt64(1)...20 {
            _ = ring.append([SampleEvents.event(position, data: Array(repeating: 0, count: 1_000))])
        }
        #expect(ring.byteCount <= 10_000)
        #expect(ring.floor > Position(10))
        #expect(ring.head == Position(20))
    }

    @Test func `one event over every limit is held all the same`() {
        var ring = ring(maxEvents: 1, maxBytes: 10)
        _ = ring.append(SampleEvents.events(1...4))
        #expect(positions(ring.read(after: .zero, scanning: 10)) == [1, 2, 3, 4])
    }

    @Test func `far behind the ring skips the stretch in between`() {
        var ring = ring(maxEvents: 100)
        _ = ring.append(SampleEvents.events(1...3))
        ring.heard(of: Position(1_000))
        expect(ring.upkeep(), .read(after: Position(975)))
        #expect(ring.floor == Position(975))
    }

    @Test func `a scan ends inside a commit and goes on there`() {
        var ring = ring()
        _ = ring.append(SampleEvents.events(1...10))
        guard case .events(_, let through) = ring.read(after: Position(2), scanning: 4) else {
            Issue.record("events are held")
            return
        }
        #expect(through == Position(6))
        #expect(positions(ring.read(after: through, scanning: 4)) == [7, 8, 9, 10])
    }

    @Test func `a reader ahead of the tail is at its end`() {
        var ring = ring(primedAt: 5)
        _ = ring.append(SampleEvents.events(6...7))
        guard case .end = ring.read(after: Position(9), scanning: 10) else {
            Issue.record("nothing is held after 9")
            return
        }
    }

    @Test func `a ring that knows no head sends readers to the log`() {
        let ring = TailRing()
        guard case .behind = ring.read(after: .zero, scanning: 10) else {
            Issue.record("nothing is known yet")
            return
        }
    }

    @Test func `another epoch empties it, and its hints`() {
        var ring = ring()
        _ = ring.append(SampleEvents.events(1...9))
        ring.heard(of: Position(12))
        expect(ring.reached(SampleEvents.bounds(5, epochs: (1, 0), (2, 5))), .changed)
        #expect(ring.known == Position(5))
        expect(ring.upkeep(), .nothing)
        #expect(ring.byteCount == 0)
        _ = ring.append(SampleEvents.events(6...7))
        #expect(positions(ring.read(after: Position(5), scanning: 10)) == [6, 7])
    }

    @Test func `a page of another epoch is not taken`() {
        var ring = ring()
        let page = EventPage(
            events: SampleEvents.events(1...3), scannedThrough: Position(3), head: Position(3),
            epoch: 2)
        do throws(TailRing.OtherHistory) {
            _ = try ring.take(page, asked: .zero)
            Issue.record("it was taken")
        } catch {}
        #expect(ring.head == .zero)
    }

    @Test func `the wire form counts, and pushes out the oldest commits too`() {
        var ring = ring(maxBytes: 10_000)
        var chunks: [TailChunk] = []
        for position in UInt64(1)...6 {
            let events = [SampleEvents.event(position, data: Array(repeating: 0, count: 1_000))]
            if let chunk = ring.append(events) { chunks.append(chunk) }
        }
        #expect(ring.floor == .zero)
        let before = ring.byteCount
        ring.charge(chunks[5], 1_000)
        #expect(ring.byteCount == before + 1_000)
        ring.charge(chunks[4], 4_000)
        #expect(ring.byteCount <= 10_000)
        #expect(ring.floor > .zero)
        let kept = ring.byteCount
        ring.charge(chunks[0], 1_000)
        #expect(ring.byteCount == kept, "it is gone")
    }
}
