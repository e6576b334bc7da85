/// An event that a transaction left in the outbox: its sizes were checked, its payload not yet.
public struct OutboxEntry: Sendable {
    public enum Payload: Sendable, Hashable {
        /// An object.
        case json(String)
        case protobuf([UInt8])
    }

    /// What the caller was told; the draft has it only when the caller chose it.
    public let id: EventID
    /// As it was published, but for the payload: no type URL, no data, no fingerprint.
    public let draft: EventDraft
    public let payload: Payload
    public let publishedAt: Timestamp

    public init(id: EventID, draft: EventDraft, payload: Payload, publishedAt: Timestamp) {
        self.id = id
        self.draft = draft
        self.payload = payload
        self.publishedAt = publishedAt
    }
}

/// Why an event cannot leave the outbox into the log.
public struct OutboxRefusal: Error, Sendable, Hashable {
    public enum Reason: String, Sendable, Hashable {
        /// It fails its schema or a limit.
        case invalid = "INVALID"
        /// Its id is known, with other content.
        case idTaken = "ID_TAKEN"
        /// The store refused it.
        case refused = "REFUSED"
    }

    public let reason: Reason
    /// For operators: names the fields, holds none of the data.
    public let detail: String

    public init(_ reason: Reason, _ detail: String) {
        self.reason = reason
        self.detail = detail
    }
}
