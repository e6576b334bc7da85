import Telemetry

/// Adjacent events that came together, a commit or a page, as all subscribers of a node share them.
///
/// They are encoded once, when the first subscriber needs their wire form. Few chunks hold many
/// keys, so a subscriber asks its filter once a key and finds most chunks empty without a look at
/// their events.
final class TailChunk: Sendable {
    let events: [RecordedEvent]
    /// Roughly what the events take in memory.
    let bytes: Int
    /// The keys of the events, each once.
    let keys: [EventKey]
    /// Of each event: the place of its key. Empty when all have the first.
    private let keyOfEvent: [UInt32]
    private let wire = Lock<Wire?>(nil)

    /// The deliveries of all events of the chunk.
    struct Wire: Sendable {
        let bytes: [UInt8]
        /// Where the delivery of each event ends.
        let ends: [Int]

        func range(_ events: Range<Int>) -> Range<Int> {
            (events.lowerBound == 0 ? 0 : ends[events.lowerBound - 1])..<ends[events.upperBound - 1]
        }
    }

    /// - Parameter events: At least one.
    init(_ events: [RecordedEvent]) {
        self.events = events
        bytes = events.reduce(0) { $0 + $1.footprint }
        var keys: [EventKey] = []
        var places: [EventKey: Int] = [:]
        var keyOfEvent: [UInt32] = []
        var last: Int?
        for (index, event) in events.enumerated() {
            if let last, event.has(keys[last]) {
                if keys.count > 1 { keyOfEvent.append(UInt32(last)) }
                continue
            }
            let key = EventKey(tenant: event.tenant, type: event.type, kind: event.kind)
            let place = places[key] ?? keys.count
            if place == keys.count {
                places[key] = place
                keys.append(key)
                if keys.count == 2 { keyOfEvent = Array(repeating: 0, count: index) }
            }
            if keys.count > 1 { keyOfEvent.append(UInt32(place)) }
            last = place
        }
        self.keys = keys
        self.keyOfEvent = keyOfEvent
    }

    var first: Position { events[0].position }
    var last: Position { events[events.count - 1].position }

    // MARK: What a filter lets through

    enum Selection {
        case nothing
        case everything
        /// Of each key: whether its events may match.
        case keys([Bool])
    }

    func selection(_ filter: CompiledFilter) -> Selection {
        if keys.count == 1 {
            guard filter.matches(keys[0]) else { return .nothing }
            return filter.looksInside ? .keys([true]) : .everything
        }
        let matches = keys.map(filter.matches)
        if !matches.contains(true) { return .nothing }
        return filter.looksInside || matches.contains(false) ? .keys(matches) : .everything
    }

    /// Whether a filter of that selection takes the event at an index.
    func takes(_ index: Int, _ matches: [Bool], _ filter: CompiledFilter) -> Bool {
        matches[keyOfEvent.isEmpty ? 0 : Int(keyOfEvent[index])]
            && (!filter.looksInside || filter.matchesInside(events[index]))
    }

    // MARK: The wire form

    /// The deliveries of all events, encoded now if nobody needed them before.
    ///
    /// - Parameter onEncoded: Told how many bytes came to the chunk's account.
    func wire(
        _ encoder: any DeliveryEncoder, epoch: UInt64, onEncoded: (Int) -> Void
    ) -> Wire {
        var added = 0
        let wire = wire.withLock { wire in
            if let wire { return wire }
            var bytes: [UInt8] = []
            bytes.reserveCapacity(self.bytes)
            var ends: [Int] = []
            ends.reserveCapacity(events.count)
            for event in events {
                encoder.append(EventFields(event), epoch: epoch, to: &bytes)
                ends.append(bytes.count)
            }
            added = bytes.capacity + ends.capacity * MemoryLayout<Int>.size
            let made = Wire(bytes: bytes, ends: ends)
            wire = made
            return made
        }
        if added > 0 { onEncoded(added) }
        return wire
    }
}

extension RecordedEvent {
    fileprivate func has(_ key: EventKey) -> Bool {
        kind == key.kind && type == key.type && tenant == key.tenant
    }
}
