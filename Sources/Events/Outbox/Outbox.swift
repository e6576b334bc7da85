/// Where transactions of the database's other users leave events. Implemented over Postgres.
public protocol Outbox: Sendable {
    /// Lends a session to drain it with, as the holder of a lease.
    ///
    /// - Parameter limits: What those who publish there are held to from now on.
    /// - Throws: What the body throws, ``EventsError`` `.unavailable`.
    func withSession(
        under lease: Lease, limits: PublishLimits,
        _ body: (any OutboxSession) async throws -> Void
    ) async throws

    /// What waits, without a session.
    ///
    /// - Throws: ``EventsError`` or `CancellationError`.
    func backlog() async throws -> OutboxBacklog
}

/// Moves events from the outbox into the log, page by page. For one task.
///
/// All calls throw ``OutboxError``, ``EventsError`` or `CancellationError`; after anything but
/// `OutboxError.refused` the session is of no more use.
public protocol OutboxSession: Sendable {
    /// The next events whose transactions have committed, in the order of the calls that published
    /// them; empty when there are none. A page that was not moved comes again.
    func nextPage(limit: Int) async throws -> [OutboxEntry]

    /// Moves the last page: what passed into the log, what did not to the rejects, all of it and in
    /// one transaction, or nothing.
    ///
    /// - Parameter results: One element an entry of the page.
    /// - Returns: One outcome an entry.
    func move(_ results: [Result<NewEvent, OutboxRefusal>]) async throws -> [OutboxOutcome]

    func backlog() async throws -> OutboxBacklog
}

/// What became of an event of the outbox.
public enum OutboxOutcome: Sendable, Hashable {
    case stored(Position)
    /// It was in the log already, with the same content.
    case duplicate(Position)
    case rejected(OutboxRefusal.Reason)
}

public struct OutboxBacklog: Sendable, Hashable {
    /// Events that wait, at most 100,000.
    public let events: Int
    /// Since the first of them was published.
    public let age: Duration
    /// Events that were rejected and are still kept, at most 100,000.
    public let rejects: Int

    public init(events: Int, age: Duration, rejects: Int) {
        self.events = events
        self.age = age
        self.rejects = rejects
    }
}

public enum OutboxError: Error, Sendable, Hashable {
    /// Another node drains now.
    case leaseLost
    /// The store refused the page for something in it; nothing was moved.
    case refused(String)
}
