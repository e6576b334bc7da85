/// How a group gets on, or several that are counted together.
public struct GroupStanding: Sendable, Hashable {
    /// Which group; nil: all that have no standing of their own.
    public let group: Name?
    /// Positions between what is finished and the head; the most of several.
    public let lagEvents: UInt64
    /// How long ago the oldest event that is not finished was recorded; the longest of several.
    public let lag: Duration
    /// On all nodes.
    public let members: Int
    /// Handed out and not answered yet.
    public let inFlight: Int
    /// Open dead letters.
    public let deadLettered: Int

    public struct Name: Sendable, Hashable {
        public let tenant: TenantID
        public let name: GroupName

        public init(tenant: TenantID, name: GroupName) {
            self.tenant = tenant
            self.name = name
        }
    }

    public init(
        group: Name?, lagEvents: UInt64, lag: Duration, members: Int, inFlight: Int,
        deadLettered: Int
    ) {
        self.group = group
        self.lagEvents = lagEvents
        self.lag = lag
        self.members = members
        self.inFlight = inFlight
        self.deadLettered = deadLettered
    }
}

/// Tells how all tenants' groups get on. Implemented over Postgres.
public protocol GroupStandings: Sendable {
    /// The standing of each of the `limit` oldest groups, and one of all others together.
    ///
    /// - Throws: ``EventsError`` or `CancellationError`.
    func standings(limit: Int) async throws -> [GroupStanding]
}
