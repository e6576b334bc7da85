import Testing

@testable import Events

/// Ten thousand tenants of one handler, of which one floods, in virtual time: a page is read, a batch
/// stored and a run ended each millisecond or so, which is all that time is made of here.
@Suite struct HandlerFairnessTests {
    @Test func `a flood makes others wait less than three times as long`() {
        var calmPlay = Play(flood: 0)
        let calm = calmPlay.waits()
        var flood = Play(flood: 3)
        let flooded = flood.waits()
        #expect(calm.count == flooded.count)
        #expect(calm.count > 2_000)
        #expect(flooded.p99 < 3 * calm.p99, "calm \(calm.p99) ms, flooded \(flooded.p99) ms")
    }

    @Test func `a flood of failures makes others wait less than three times as long`() {
        var calmPlay = Play(flood: 0)
        let calm = calmPlay.waits()
        var flood = Play(flood: 3, isFailing: true)
        let flooded = flood.waits()
        #expect(calm.count == flooded.count)
        #expect(flooded.p99 < 3 * calm.p99, "calm \(calm.p99) ms, flooded \(flooded.p99) ms")
    }
}

extension [Int] {
    fileprivate var p99: Int { sorted()[count * 99 / 100] }
}

/// One node with one handler: a tick is a millisecond.
private struct Play {
    private static let ticks = 12_000
    private static let rest = 2_000
    private static let places = 16
    private static let runTicks = 10
    private static let tenants = 10_000
    /// Another tenant's event comes so often; the handler could do eight times as much.
    private static let pace = 5

    private let flood: Int
    private let isFailing: Bool
    private var bench = WorkBench(isShared: true, isLocal: true, maxInFlight: 1_024)
    private var running: [(item: WorkItem, end: Int)] = []
    private var publishedAt: [Int] = []

    /// - Parameter flood: Events of one tenant a tick: twice what the handler can do.
    init(flood: Int, isFailing: Bool = false) {
        self.flood = flood
        self.isFailing = isFailing
    }

    /// Ticks from publish to the end of the run, of the other tenants' events.
    mutating func waits() -> [Int] {
        var waits: [Int] = []
        for tick in 0..<Self.ticks + Self.rest {
            if tick < Self.ticks { publish(tick) }
            bench.wait(.milliseconds(1))
            for (item, end) in running where end == tick {
                let isOfFlood = item.key.tenant == TenantID(unchecked: "flood")
                if isOfFlood, isFailing {
                    bench.delay(item, .seconds(1))
                } else {
                    bench.answer(item)
                }
                if !isOfFlood {
                    waits.append(tick - publishedAt[Int(item.position.rawValue) - 1])
                }
            }
            running.removeAll { $0.end == tick }
            let free = Self.places - running.count
            for item in bench.step(limit: free, places: Self.places) {
                running.append((item, tick + Self.runTicks))
            }
        }
        return waits
    }

    private mutating func publish(_ tick: Int) {
        if tick % Self.pace == 0 {
            bench.publish("k", tenant: "t\(tick / Self.pace % Self.tenants)")
            publishedAt.append(tick)
        }
        for number in 0..<flood {
            bench.publish("k\((tick * flood + number) % 5_000)", tenant: "flood")
            publishedAt.append(tick)
        }
    }
}
