public import Events

/// What the column `checksum` of `apus.events` holds: a digest of all that was published, so that
/// `apus verify` notices a value which changed afterwards, by whatever hand.
///
/// Covered are the event's values as readers see them: with the names of tenant, type and message
/// instead of their numbers, and with defaults filled in. Position, partition and time of recording
/// are not: the first two follow from others, and the store chooses the third.
///
/// Fixed for ever, since it is stored.
public struct EventChecksum: Sendable, Hashable {
    /// As in the column: the 64 bits as a signed number.
    public let rawValue: Int64

    public init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    /// Of an event, whether it is about to be stored or was read back.
    public init(_ event: some EventCarrier) {
        let event = event.content
        var digest = Digest()
        digest.add(event.id, event.occurredAt, kind: event.kind, version: event.version)
        digest.add(event.type)
        digest.add(event.messageName)
        digest.add(event.tenant.rawValue)
        digest.add(event.source)
        digest.add(event.subject)
        digest.add(event.partitionKey)
        digest.add(event.metadata)
        digest.add(event.data)
        rawValue = Int64(bitPattern: digest.value)
    }

    /// Each value is hashed with the hash of those before it as its seed. A hash covers its value's
    /// length, so nothing can move from one value to its neighbour.
    private struct Digest {
        private(set) var value: UInt64 = 0

        mutating func add(
            _ id: EventID, _ occurredAt: Timestamp, kind: EventKind, version: UInt32
        ) {
            let numbers: [5 of UInt64] = [
                id.high.littleEndian, id.low.littleEndian,
                UInt64(bitPattern: occurredAt.seconds).littleEndian,
                UInt64(UInt32(bitPattern: occurredAt.nanoseconds)).littleEndian,
                (UInt64(UInt16(truncatingIfNeeded: kind.rawValue)) << 32 | UInt64(version))
                    .littleEndian,
            ]
            value = XXHash64.hash(numbers.span.bytes, seed: value)
        }

        mutating func add(_ text: String) {
            value = XXHash64.hash(text.utf8.span.bytes, seed: value)
        }

        mutating func add(_ data: [UInt8]) {
            value = XXHash64.hash(data.span.bytes, seed: value)
        }

        mutating func add(_ metadata: EventMetadata) {
            add(metadata.correlationID)
            add(metadata.causationID)
            add(metadata.userID)
            add(metadata.sessionID)
            add(metadata.requestID)
            add(metadata.channel)
            add(metadata.userAgent)
            add(metadata.ipAddress)
            add(metadata.traceparent)
            add(metadata.tracestate)
            guard !metadata.extra.isEmpty else { return }
            // By bytes: the order of Swift's strings follows Unicode's tables.
            let sorted = metadata.extra.sorted {
                $0.key.utf8.lexicographicallyPrecedes($1.key.utf8)
            }
            for (key, text) in sorted {
                add(key)
                add(text)
            }
        }
    }
}
