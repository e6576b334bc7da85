/// Where groups are kept. Implemented over Postgres.
///
/// All calls throw ``EventsError`` or `CancellationError`.
public protocol GroupStore: Sendable {
    /// Makes a group whose members begin right after a position.
    func create(_ group: Group, after position: Position) async throws -> GroupCreation

    /// Nil when there is none.
    func find(_ name: GroupName, tenant: TenantID) async throws -> StoredGroup?

    /// Nil when there is none.
    func status(_ name: GroupName, tenant: TenantID) async throws -> GroupStatus?

    /// A tenant's groups, by name, beyond one.
    func list(tenant: TenantID, after: GroupName?, limit: Int) async throws -> [GroupStatus]

    /// Changes what ``GroupChanges`` may name, unless it was changed since it had a version, or
    /// deleted: then false. No cursor passes, by a former filter, what is published after this.
    func update(_ group: Group, from version: Int64) async throws -> Bool

    /// Begins anew after a position: what was taken up is forgotten, its tokens are worth nothing.
    /// False when there is none.
    func reset(_ group: Group, after position: Position) async throws -> Bool

    /// Deletes a group, its progress and its dead letters; false when there is none.
    func delete(_ name: GroupName, tenant: TenantID) async throws -> Bool
}

/// A group as the store knows it.
public struct StoredGroup: Sendable, Hashable {
    public let group: Group
    /// Its number as a consumer.
    public let consumer: Int32
    /// Grows with each change.
    public let version: Int64

    public init(group: Group, consumer: Int32, version: Int64) {
        self.group = group
        self.consumer = consumer
        self.version = version
    }
}

/// What came of making a group.
public enum GroupCreation: Sendable {
    case made
    case nameTaken
    /// The tenant has ``Groups/maxPerTenant``.
    case tenantFull
}
