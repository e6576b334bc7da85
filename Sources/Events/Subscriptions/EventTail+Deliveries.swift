// What a filter lets through of a stretch of the tail, as events and in their wire form.
extension EventTail {
    /// - Parameter limit: Most events.
    static func events(
        _ stretch: Stretch, _ filter: CompiledFilter, epoch: UInt64, limit: Int
    ) -> EventPage {
        var events: [RecordedEvent] = []
        func page(through: Position) -> EventPage {
            EventPage(
                events: events, scannedThrough: through, head: stretch.head, epoch: epoch)
        }
        for slice in stretch.slices {
            let chunk = slice.chunk
            let selection = chunk.selection(filter)
            if case .nothing = selection { continue }
            for index in slice.range {
                if case .keys(let matches) = selection, !chunk.takes(index, matches, filter) {
                    continue
                }
                events.append(chunk.events[index])
                if events.count == limit { return page(through: chunk.events[index].position) }
            }
        }
        return page(through: stretch.through)
    }

    /// One message's worth of deliveries, put together from bytes that all subscribers share.
    ///
    /// - Parameters:
    ///   - limit: Most deliveries.
    ///   - maxBytes: Ends with the delivery that reaches so many bytes.
    func deliveries(
        _ stretch: Stretch, _ filter: CompiledFilter, epoch: UInt64, limit: Int, maxBytes: Int,
        encoder: any DeliveryEncoder
    ) -> EncodedStretch {
        var batch = DeliveryBatch()
        func page(through: Position) -> EncodedStretch {
            EncodedStretch(
                batch: batch.count > 0 ? batch : nil, scannedThrough: through, head: stretch.head)
        }
        for slice in stretch.slices {
            let chunk = slice.chunk
            let selection = chunk.selection(filter)
            if case .nothing = selection { continue }
            let wire = chunk.wire(encoder, epoch: epoch) { self.charge(chunk, $0) }
            switch selection {
            case .nothing: continue
            case .everything:
                let end = batch.take(slice.range, of: wire, limit: limit, maxBytes: maxBytes)
                if end < slice.range.upperBound || batch.isFull(limit, maxBytes) {
                    return page(through: chunk.events[end - 1].position)
                }
            case .keys(let matches):
                for index in slice.range where chunk.takes(index, matches, filter) {
                    batch.bytes.append(contentsOf: wire.bytes[wire.range(index..<index + 1)])
                    batch.count += 1
                    if batch.isFull(limit, maxBytes) {
                        return page(through: chunk.events[index].position)
                    }
                }
            }
        }
        return page(through: stretch.through)
    }
}

extension DeliveryBatch {
    fileprivate func isFull(_ limit: Int, _ maxBytes: Int) -> Bool {
        count >= limit || bytes.count >= maxBytes
    }

    /// Takes what there is room for, at least one. A whole chunk alone is not even copied.
    ///
    /// - Returns: Where it stopped.
    fileprivate mutating func take(
        _ events: Range<Int>, of wire: TailChunk.Wire, limit: Int, maxBytes: Int
    ) -> Int {
        var end = min(events.upperBound, events.lowerBound + limit - count)
        let start = wire.range(events.lowerBound..<end).lowerBound
        let room = start + maxBytes - bytes.count
        if wire.ends[end - 1] > room {
            // The first that reaches the limit is the last to go.
            end = wire.ends[events.lowerBound..<end].partitioningIndex { $0 >= room } + 1
        }
        let stretch = wire.range(events.lowerBound..<end)
        if count == 0, stretch == wire.bytes.indices {
            bytes = wire.bytes
        } else {
            bytes.append(contentsOf: wire.bytes[stretch])
        }
        count += end - events.lowerBound
        return end
    }
}

extension ArraySlice<Int> {
    /// The first index where a condition holds that holds for all behind it.
    fileprivate func partitioningIndex(where holds: (Int) -> Bool) -> Int {
        var low = startIndex
        var high = endIndex
        while low < high {
            let middle = (low + high) / 2
            if holds(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
