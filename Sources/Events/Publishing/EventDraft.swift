/// An event as a client sent it: nothing checked, nothing filled in.
public struct EventDraft: Sendable, Hashable {
    public var id: String
    public var type: String
    public var version: UInt32
    /// Number of `apus.v1.EventKind`; 0: what the catalogue says.
    public var kind: Int
    public var tenant: String
    public var source: String
    public var subject: String
    public var partitionKey: String
    public var occurredAt: Timestamp?
    public var metadata: EventMetadata
    /// Of the payload's `Any`; empty when there is no payload.
    public var typeURL: String
    public var data: [UInt8]
    /// Of ``contentHeader`` followed by `data`.
    public var fingerprint: Fingerprint

    public init(
        id: String = "", type: String = "", version: UInt32 = 0, kind: Int = 0,
        tenant: String = "", source: String = "", subject: String = "",
        partitionKey: String = "", occurredAt: Timestamp? = nil,
        metadata: EventMetadata = EventMetadata(), typeURL: String = "", data: [UInt8] = [],
        fingerprint: Fingerprint = Fingerprint(high: 0, low: 0)
    ) {
        self.id = id
        self.type = type
        self.version = version
        self.kind = kind
        self.tenant = tenant
        self.source = source
        self.subject = subject
        self.partitionKey = partitionKey
        self.occurredAt = occurredAt
        self.metadata = metadata
        self.typeURL = typeURL
        self.data = data
        self.fingerprint = fingerprint
    }

    /// What is digested before the payload's bytes: everything that makes two events with one id
    /// the same event, each field behind its length. The id counts in lower case.
    public var contentHeader: [UInt8] {
        [UInt8](
            capacity: 6 * 4 + 12 + id.utf8.count + type.utf8.count + subject.utf8.count
                + partitionKey.utf8.count + source.utf8.count + typeURL.utf8.count
        ) { header in
            header.append(UInt64(id.utf8.count), width: 4)
            for byte in id.utf8 { header.append((65...90).contains(byte) ? byte + 32 : byte) }
            header.append(behindItsLength: type)
            header.append(behindItsLength: subject)
            header.append(behindItsLength: partitionKey)
            header.append(behindItsLength: source)
            header.append(behindItsLength: typeURL)
            if let occurredAt {
                header.append(UInt64(bitPattern: occurredAt.seconds), width: 8)
                header.append(UInt64(UInt32(bitPattern: occurredAt.nanoseconds)), width: 4)
            }
        }
    }
}

extension OutputSpan<UInt8> {
    fileprivate mutating func append(behindItsLength text: String) {
        append(UInt64(text.utf8.count), width: 4)
        append(contentsOf: text.utf8.span)
    }
}
