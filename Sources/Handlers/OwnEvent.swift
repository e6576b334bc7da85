import Digests
import EventProtos
public import Events
import Protobuf

/// Publishes one event for Apus itself or one of its handlers, by the rules of any publish.
///
/// Throws ``EventsError``.
public typealias PublishOwnEvent = @Sendable (EventDraft) async throws -> PublishOutcome

extension EventDraft {
    /// An event of ours.
    ///
    /// - Parameter id: The same for the same event, so that a repeat is a duplicate.
    init(
        _ payload: some Message, id: EventID, tenant: TenantID, subject: String = "",
        metadata: EventMetadata = EventMetadata()
    ) {
        self.init(
            id: id.description, tenant: tenant.rawValue, source: Self.ownSource, subject: subject,
            metadata: metadata,
            typeURL: GoogleProtobuf.AnyMessage.urlPrefix
                + Swift.type(of: payload).descriptor.fullName,
            data: payload.encoded())
    }

    /// What our events bear as their source.
    static let ownSource = "apus"
}

extension EventID {
    /// An id that follows from what the event follows from: version 8 (RFC 9562 §5.8), of a SHA-256.
    ///
    /// - Parameter purpose: Who derives it; others derive others from the same.
    static func derived(for purpose: String, from parts: [UInt8]...) -> EventID {
        let hash = SHA256()
        for part in [Array(purpose.utf8)] + parts {
            hash.update(UInt64(part.count))
            hash.update(part)
        }
        let (high, low) = hash.finish().first16
        return EventID(
            high: high & ~0xF000 | 0x8000, low: low & ~(0b11 << 62) | 0b10 << 62)
    }
}
