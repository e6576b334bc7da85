import TestSupport
import Testing

@testable import Neighbours

/// Which requests go together.
@Suite struct GatheringStateTests {
    private typealias Request = GatheringState.Request
    private typealias Batch = GatheringState.Batch

    private static func request(
        _ ticket: UInt64, _ group: String = "a", lane: String? = nil, bytes: Int = 1
    ) -> Request {
        Request(ticket: ticket, group: group, lane: lane, bytes: bytes)
    }

    private static func state(
        maxRequests: Int = 16, maxBytes: Int = 1_000, maxWaiting: Int = 100
    ) -> GatheringState {
        var limits = GatheringState.Limits()
        limits.maxRequests = maxRequests
        limits.maxBytes = maxBytes
        limits.maxWaiting = maxWaiting
        return GatheringState(limits)
    }

    private static func batch(_ tickets: UInt64..., group: String = "a") -> Batch {
        Batch(group: group, tickets: tickets)
    }

    @Test func `a lone request goes at once, and what comes meanwhile goes together`() {
        var state = Self.state()
        let first = Self.batch(1)
        #expect(state.enter(Self.request(1)) == .lead(first))
        #expect(state.enter(Self.request(2)) == .wait)
        #expect(state.enter(Self.request(3)) == .wait)
        let second = state.ended(first)
        #expect(second == Self.batch(2, 3))
        #expect(state.ended(Self.batch(2, 3)) == nil)
        #expect(state.isIdle)
    }

    @Test func `groups do not wait for one another`() {
        var state = Self.state()
        #expect(state.enter(Self.request(1, "a")) == .lead(Self.batch(1)))
        #expect(state.enter(Self.request(2, "b")) == .lead(Self.batch(2, group: "b")))
    }

    @Test func `two of a lane never go together, and keep their order`() {
        var state = Self.state()
        _ = state.enter(Self.request(1, lane: "x"))
        for ticket: UInt64 in [2, 3] { _ = state.enter(Self.request(ticket, lane: "x")) }
        for ticket: UInt64 in [4, 5] { _ = state.enter(Self.request(ticket, lane: "y")) }
        #expect(state.ended(Self.batch(1)) == Self.batch(2, 4))
        #expect(state.ended(Self.batch(2, 4)) == Self.batch(3, 5))
    }

    @Test func `a call takes so many requests and bytes, and one that is larger on its own`() {
        var state = Self.state(maxRequests: 3, maxBytes: 10)
        _ = state.enter(Self.request(1))
        for ticket: UInt64 in 2...5 { _ = state.enter(Self.request(ticket)) }
        _ = state.enter(Self.request(6, bytes: 11))
        _ = state.enter(Self.request(7, bytes: 6))
        _ = state.enter(Self.request(8, bytes: 6))
        #expect(state.ended(Self.batch(1)) == Self.batch(2, 3, 4))
        #expect(state.ended(Self.batch(2, 3, 4)) == Self.batch(5))
        #expect(state.ended(Self.batch(5)) == Self.batch(6))
        #expect(state.ended(Self.batch(6)) == Self.batch(7))
        #expect(state.ended(Self.batch(7)) == Self.batch(8))
    }

    @Test func `what is left behind by its lane holds up none of another lane`() {
        var state = Self.state(maxRequests: 2)
        _ = state.enter(Self.request(1))
        for (ticket, lane) in [(2, "x"), (3, "x"), (4, "y")] {
            _ = state.enter(Self.request(UInt64(ticket), lane: lane))
        }
        #expect(state.ended(Self.batch(1)) == Self.batch(2, 4))
    }

    @Test func `only so many wait`() {
        var state = Self.state(maxWaiting: 1)
        _ = state.enter(Self.request(1))
        #expect(state.enter(Self.request(2)) == .wait)
        #expect(state.enter(Self.request(3)) == .full)
        #expect(state.enter(Self.request(4, "b")) == .lead(Self.batch(4, group: "b")))
        state.leave(2)
        #expect(state.enter(Self.request(5)) == .wait)
    }

    @Test func `what a call left without an answer goes before all others`() {
        var state = Self.state()
        _ = state.enter(Self.request(1))
        for ticket: UInt64 in 2...3 { _ = state.enter(Self.request(ticket)) }
        _ = state.ended(Self.batch(1))
        _ = state.enter(Self.request(4))
        #expect(state.ended(Self.batch(2, 3), again: [3]) == Self.batch(3, 4))
    }

    @Test func `whoever leaves is in no later call`() {
        var state = Self.state()
        _ = state.enter(Self.request(1))
        for ticket: UInt64 in 2...3 { _ = state.enter(Self.request(ticket)) }
        state.leave(2)
        #expect(state.ended(Self.batch(1)) == Self.batch(3))
        #expect(state.ended(Self.batch(3)) == nil)
        #expect(state.isIdle)
    }

    /// Whatever comes, leaves and ends in whatever order: each request that stays is in exactly one
    /// call at a time and gets its answer, lanes keep their order, calls keep their bounds.
    @Test(arguments: 0..<40) func `every request is answered once`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var state = Self.state(maxRequests: 4, maxBytes: 12, maxWaiting: 30)
        var next: UInt64 = 0
        var open: [UInt64: Request] = [:]
        var underWay: [Batch] = []
        var answered: [UInt64] = []
        var lastOfLane: [String: UInt64] = [:]

        func check(_ batch: Batch) {
            let requests = batch.tickets.compactMap { open[$0] }
            #expect(requests.count == batch.tickets.count, "nobody who left is asked for")
            #expect(requests.count <= 4)
            #expect(requests.count == 1 || requests.reduce(0) { $0 + $1.bytes } <= 12)
            let lanes = requests.compactMap(\.lane)
            #expect(Set(lanes).count == lanes.count)
            #expect(requests.allSatisfy { $0.group == batch.group })
            #expect(!underWay.contains { $0.group == batch.group })
            underWay.append(batch)
        }

        for step in 0..<2_000 {
            let isEnding = step > 1_600
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5 where !isEnding:
                next += 1
                let group = "g\(Int.random(in: 0..<3, using: &random))"
                let lane = Int.random(in: 0..<5, using: &random)
                let request = Self.request(
                    next, group, lane: lane == 0 ? nil : "\(group)/\(lane)",
                    bytes: .random(in: 1...14, using: &random))
                switch state.enter(request) {
                case .lead(let batch):
                    open[next] = request
                    check(batch)
                case .wait: open[next] = request
                case .full: break
                }
            case 5 where !isEnding:
                let waiting = open.keys.filter { ticket in
                    !underWay.contains { $0.tickets.contains(ticket) }
                }
                if let ticket = waiting.sorted().randomElement(using: &random) {
                    state.leave(ticket)
                    open[ticket] = nil
                }
            default:
                guard let batch = underWay.randomElement(using: &random) else { continue }
                underWay.removeAll { $0 == batch }
                // Sometimes its leader gave up.
                let isLost = !isEnding && Int.random(in: 0..<5, using: &random) == 0
                let gone = isLost ? [batch.leader] : batch.tickets
                for ticket in gone {
                    guard let request = open.removeValue(forKey: ticket) else { continue }
                    if isLost { continue }
                    answered.append(ticket)
                    if let lane = request.lane {
                        #expect(lastOfLane[lane, default: 0] < ticket)
                        lastOfLane[lane] = ticket
                    }
                }
                let again = Set(batch.tickets).subtracting(gone)
                if let following = state.ended(batch, again: again) { check(following) }
            }
        }
        #expect(open.isEmpty && underWay.isEmpty && state.isIdle)
        #expect(Set(answered).count == answered.count)
        #expect(answered.count > 200)
    }
}
