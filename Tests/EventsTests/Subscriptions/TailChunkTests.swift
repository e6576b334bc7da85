import Telemetry
import TestSupport
import Testing

@testable import Events

@Suite struct TailChunkTests {
    private static func filter(
        _ types: [String] = [], tenants: EventFilter.Tenants = .all, subject: String = "",
        sources: [String] = [], kinds: Set<EventKind> = []
    ) -> EventFilter {
        EventFilter(
            types: types.compactMap(TypePattern.init), tenants: tenants, subjectPrefix: subject,
            sources: sources, kinds: kinds)
    }

    private static let filters = [
        filter(), filter(["lead.created"]), filter(["lead.*", "order.paid"]), filter(["no.such"]),
        filter(["**"]), filter(tenants: .only([TenantID(unchecked: "acme")])),
        filter(["order.**"], tenants: .only([TenantID(unchecked: "globex")])),
        filter(subject: "lead/1"), filter(sources: ["test"]), filter(sources: ["shop"]),
        filter(kinds: [.system]), filter(["lead.created"], subject: "lead/2"),
    ]

    private static func randomEvents(
        _ count: Int, using generator: inout SeededGenerator
    ) -> [RecordedEvent] {
        let variety = Int.random(in: 1...4, using: &generator)
        return (1...UInt64(count)).map { position in
            SampleEvents.event(
                position,
                type: ["lead.created", "order.paid", "order.line.paid", "chat.sent"][
                    Int.random(in: 0..<variety, using: &generator)],
                tenant: ["acme", "globex", "initech"][
                    Int.random(in: 0..<min(3, variety), using: &generator)],
                subject: "lead/\(Int.random(in: 0...30, using: &generator))",
                data: Array(repeating: 1, count: Int.random(in: 0...40, using: &generator)))
        }
    }

    @Test(arguments: 0..<10 as Range<UInt64>)
    func `events and wire form let the same through, which is what matches`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let events = Self.randomEvents(60, using: &generator)
        let tail = EventTail(log: ScriptedLog())
        tail.reached(SampleEvents.bounds(0))
        var rest = events[...]
        while !rest.isEmpty {
            let count = Int.random(in: 1...20, using: &generator)
            tail.committed(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        for filter in Self.filters {
            let compiled = CompiledFilter(filter)
            var seen: [UInt64] = []
            for isEncoded in [false, true] {
                var position = Position(UInt64.random(in: 0...5, using: &generator))
                let expected = events.filter { $0.position > position && filter.matches($0) }
                    .map(\.position.rawValue)
                seen = []
                while case .stretch(let stretch) = tail.read(after: position, epoch: 1) {
                    let limit = Int.random(in: 1...30, using: &generator)
                    if isEncoded {
                        let page = tail.deliveries(
                            stretch, compiled, epoch: 1, limit: limit,
                            maxBytes: Int.random(in: 1...600, using: &generator),
                            encoder: PlainEncoder())
                        if let batch = page.batch {
                            let positions = PlainEncoder.positions(batch.bytes)
                            #expect(positions.count == batch.count)
                            #expect(batch.count <= limit)
                            seen += positions
                        }
                        position = page.scannedThrough
                    } else {
                        let page = EventTail.events(stretch, compiled, epoch: 1, limit: limit)
                        seen += page.events.map(\.position.rawValue)
                        position = page.scannedThrough
                    }
                }
                #expect(seen == expected, "\(filter)")
            }
        }
    }

    @Test func `a chunk is encoded once, whoever asks`() {
        let encoder = CountingEncoder()
        let tail = EventTail(log: ScriptedLog())
        tail.reached(SampleEvents.bounds(0))
        tail.committed(SampleEvents.events(1...10))
        guard case .stretch(let stretch) = tail.read(after: .zero, epoch: 1) else {
            Issue.record("ten events are held")
            return
        }
        let before = tail.look { $0.ring.byteCount }
        for _ in 0..<5 {
            let page = tail.deliveries(
                stretch, CompiledFilter(.everything), epoch: 1, limit: 500, maxBytes: 1 << 20,
                encoder: encoder)
            #expect(page.batch?.count == 10)
        }
        #expect(encoder.count == 10)
        #expect(tail.look { $0.ring.byteCount } > before)
    }

    @Test func `what nobody's filter can match is not encoded`() {
        let encoder = CountingEncoder()
        let tail = EventTail(log: ScriptedLog())
        tail.reached(SampleEvents.bounds(0))
        tail.committed(SampleEvents.events(1...10))
        guard case .stretch(let stretch) = tail.read(after: .zero, epoch: 1) else {
            Issue.record("ten events are held")
            return
        }
        let page = tail.deliveries(
            stretch, CompiledFilter(Self.filter(["order.paid"])), epoch: 1, limit: 500,
            maxBytes: 1 << 20, encoder: encoder)
        #expect(page.batch == nil)
        #expect(page.scannedThrough == Position(10))
        #expect(encoder.count == 0)
    }
}

/// A delivery is its length, its position and its payload's bytes.
struct PlainEncoder: DeliveryEncoder {
    func append(_ event: EventFields, epoch: UInt64, to bytes: inout [UInt8]) {
        bytes.append(UInt8(event.data.count))
        bytes.append(UInt8(truncatingIfNeeded: event.position.rawValue >> 8))
        bytes.append(UInt8(truncatingIfNeeded: event.position.rawValue))
        bytes += event.bytes[event.data.offset..<event.data.offset + event.data.count]
    }

    static func positions(_ bytes: [UInt8]) -> [UInt64] {
        var positions: [UInt64] = []
        var index = 0
        while index < bytes.count {
            positions.append(UInt64(bytes[index + 1]) << 8 | UInt64(bytes[index + 2]))
            index += 3 + Int(bytes[index])
        }
        return positions
    }
}

private final class CountingEncoder: DeliveryEncoder {
    private let encoded = Lock(0)

    var count: Int { encoded.withLock { $0 } }

    func append(_ event: EventFields, epoch: UInt64, to bytes: inout [UInt8]) {
        encoded.withLock { $0 += 1 }
        PlainEncoder().append(event, epoch: epoch, to: &bytes)
    }
}
