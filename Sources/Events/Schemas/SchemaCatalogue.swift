/// What the schemas say about event types. Implemented over the descriptors.
public protocol SchemaCatalogue: Sendable {
    /// What a payload message says which event it is; nil when the message is unknown or no event.
    func eventType(forMessage name: String) -> EventTypeInfo?

    /// Full name of the message that carries this type in this version.
    func message(forType type: String, version: UInt32) -> String?

    /// Checks wire bytes against a message that ``eventType(forMessage:)`` knows.
    ///
    /// - Returns: The first fault, its field relative to the message (`email`; empty when the
    ///   bytes as a whole are wrong), or nil when the data is right.
    func check(_ data: [UInt8], message name: String) -> FieldViolation?

    /// Every type in every version, ordered by type, then version.
    var eventTypes: [EventTypeInfo] { get }
}

/// One event type in one version, as its payload message declares it.
public struct EventTypeInfo: Sendable, Hashable {
    public let type: String
    public let version: UInt32
    public let kind: EventKind
    /// Full name of the payload message.
    public let message: String

    public init(type: String, version: UInt32, kind: EventKind, message: String) {
        self.type = type
        self.version = version
        self.kind = kind
        self.message = message
    }
}

/// One field of a request that is wrong.
public struct FieldViolation: Sendable, Hashable {
    /// Path from the request's root: `events[3].data.email`.
    public let field: String
    /// What would be right; a sentence that holds none of the data.
    public let description: String

    public init(field: String, description: String) {
        self.field = field
        self.description = description
    }
}
