public import Events

/// Something in a log that is not as it must be.
public struct LogFinding: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// Positions without an event.
        case missing
        /// A later event with an earlier time.
        case order
        /// Another partition than the key's.
        case partition
        /// What apus.identities says of an event, or an event that it does not know.
        case identity
        /// A value that cannot be, such as a tenant without a name.
        case value
        /// Data that is not of its schema, or not of its type's.
        case schema
        case checksum
        /// What public.events shows of an event.
        case payload
        /// What apus.appends says was stored when.
        case append
        /// The tables of events.
        case table
        case epoch
        /// A consumer's progress.
        case cursor
        case deadLetter = "dead_letter"
        case ledger
        /// What waits to be moved into the log.
        case outbox
        /// What a projection made of events.
        case projection
        /// The audit trail, or what was published of it.
        case audit
    }

    public let kind: Kind
    /// Nil where it is about no single position.
    public let position: Position?
    /// Of the event.
    public let id: EventID?
    /// What is wrong, and what would be right. Holds no data of the event.
    public let message: String

    init(_ kind: Kind, _ position: Position?, _ id: EventID? = nil, _ message: String) {
        self.kind = kind
        self.position = position
        self.id = id
        self.message = message
    }
}

extension LogFinding: CustomStringConvertible {
    public var description: String {
        var place: [String] = []
        if let position { place.append("position \(position)") }
        if let id { place.append("event \(id)") }
        return place.isEmpty ? message : "\(place.joined(separator: ", ")): \(message)"
    }
}
