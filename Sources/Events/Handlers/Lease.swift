/// The right to run something on one node, until it expires.
public struct Lease: Sendable, Hashable {
    public let name: String
    /// The process that holds it.
    public let holder: String
    /// Grows with each new holder; results that bear an older one are refused.
    public let fence: Int64

    public init(name: String, holder: String, fence: Int64) {
        self.name = name
        self.holder = holder
        self.fence = fence
    }
}

/// Leases kept in the store, timed by its clock. All calls throw ``EventsError``.
public protocol LeaseStore: Sendable {
    /// Takes a lease that is free or expired; nil when another holds it.
    func acquire(_ name: String, holder: String, for time: Duration) async throws -> Lease?

    /// Prolongs a lease; false when it was lost.
    func renew(_ lease: Lease, for time: Duration) async throws -> Bool

    /// Gives a lease back, so that the next holder need not wait.
    func release(_ lease: Lease) async throws
}
