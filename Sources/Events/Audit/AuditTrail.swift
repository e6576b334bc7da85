/// The audit trail in the store: one row an event, each chained to the one before by its hash.
///
/// All calls throw ``EventsError`` or ``BooksError/fenced``, when somebody else has the trail by now.
public protocol AuditTrail: Sendable {
    /// Takes the trail over from whoever has an older fence.
    func claim(fence: Int64) async throws -> AuditClaim

    /// Adds the next events, all or none, in one transaction.
    func extend(fence: Int64, limit: Int) async throws -> AuditStep

    /// Whether events came since the trail's end was published, besides the one that published it.
    func hasNews(fence: Int64) async throws -> Bool

    /// Notes that the trail's end was published by the event at a position.
    func published(at position: Position, fence: Int64) async throws
}

/// Where a trail ends.
public struct AuditHead: Sendable, Hashable {
    /// Of the newest event in it.
    public let position: Position
    public let rows: UInt64
    /// SHA-256, 32 bytes; zeros while there are no rows.
    public let hash: [UInt8]

    public init(position: Position, rows: UInt64, hash: [UInt8]) {
        self.position = position
        self.rows = rows
        self.hash = hash
    }
}

/// What whoever takes a trail over finds.
public struct AuditClaim: Sendable, Hashable {
    public let head: AuditHead
    /// Since its end was published, or since it began.
    public let publishedBefore: Duration

    public init(head: AuditHead, publishedBefore: Duration) {
        self.head = head
        self.publishedBefore = publishedBefore
    }
}

/// What came of adding events.
public struct AuditStep: Sendable, Hashable {
    public let head: AuditHead
    /// The log's end.
    public let logHead: Position
    /// How many events are to come.
    var left: UInt64 { max(logHead, head.position).rawValue - head.position.rawValue }
    /// The event behind the trail's end is not there, although it should be.
    public let isMissing: Bool
    /// Retention had dropped events before they were audited, from here on; nil: none.
    public let droppedSince: Position?

    public init(
        head: AuditHead, logHead: Position, isMissing: Bool = false, droppedSince: Position? = nil
    ) {
        self.head = head
        self.logHead = logHead
        self.isMissing = isMissing
        self.droppedSince = droppedSince
    }
}
