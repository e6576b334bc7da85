/// Payloads as JSON in the store, one row an event, for whoever reads the log in SQL.
///
/// All calls throw ``EventsError`` or ``BooksError/fenced``, when somebody else has the table by now.
public protocol PayloadTable: Sendable {
    /// Takes the table over from whoever has an older fence.
    ///
    /// - Returns: The position behind which to go on.
    func claim(fence: Int64) async throws -> Position

    /// Adds the payloads of the events that come after a position, all or none.
    ///
    /// - Parameter payloads: At least one, in order of position, without a gap.
    /// - Returns: How many events of the log are still to come.
    func keep(_ payloads: [PayloadRow], after: Position, fence: Int64) async throws -> UInt64
}

/// One event's payload.
public struct PayloadRow: Sendable, Hashable {
    public let position: Position
    /// Canonical JSON; nil: it has none, since its schema is not known here.
    public let json: String?

    public init(position: Position, json: String?) {
        self.position = position
        self.json = json
    }
}
