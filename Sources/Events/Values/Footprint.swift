extension RecordedEvent {
    /// Roughly what the event takes on the wire and in memory; every text counts.
    public var footprint: Int {
        EventFootprint.fixed + data.count + type.utf8.count + messageName.utf8.count
            + source.utf8.count + subject.utf8.count + partitionKey.utf8.count + metadata.footprint
    }
}

extension NewEvent {
    /// As that of the event once it is recorded.
    public var footprint: Int {
        EventFootprint.fixed + data.count + type.utf8.count + messageName.utf8.count
            + source.utf8.count + subject.utf8.count + partitionKey.utf8.count + metadata.footprint
    }
}

extension EventMetadata {
    /// Each entry of a map has a frame of its own.
    fileprivate var footprint: Int { byteCount + extra.count * 16 }
}

private enum EventFootprint {
    /// Ids, tenant, times, numbers and the frames of the fields.
    static let fixed = 256
}
