/// A handler whose only effect is rows in Postgres. Its rows change in the transaction of its
/// progress, so each event counts exactly once, also under retries, replays and crashes.
///
/// It holds no SQL: it turns an event into named changes; the store knows the statement behind
/// each name.
public protocol Projection: HandlerTraits {
    /// Its tables in the store's schema, and no other projection's: a rebuild empties them, in this
    /// order. Without any it cannot be rebuilt.
    var tables: [String] { get }

    /// What the event changes; nil when it does not concern the projection.
    ///
    /// - Throws: When the event cannot be understood; it is recorded as failed.
    func changes(for event: RecordedEvent) throws -> [ProjectionChange]?
}

extension Projection {
    public var tables: [String] { [] }
}

/// One row for one of the store's projection statements. The rows of a batch reach the statement
/// together.
public struct ProjectionChange: Sendable, Hashable {
    /// Which statement.
    public struct Name: RawRepresentable, Sendable, Hashable {
        public let rawValue: String

        public init(rawValue: String) { self.rawValue = rawValue }
    }

    public enum Value: Sendable, Hashable {
        case text(String)
        case integer(Int64)
        case real(Double)
        case bool(Bool)
        case time(Timestamp)
        case null
    }

    public let name: Name
    /// In the order of the statement's parameters.
    public let values: [Value]

    public init(_ name: Name, _ values: [Value]) {
        self.name = name
        self.values = values
    }
}
