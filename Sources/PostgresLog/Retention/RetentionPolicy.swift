/// How much of a log is kept. All nodes on a database are told the same.
///
/// Whole partitions go, so what is kept is up to a partition more. Identities, and each subject's
/// newest position, stay for ever.
public struct RetentionPolicy: Sendable, Hashable {
    /// Partitions whose last event is older go, unless a consumer still needs them.
    public var age: Duration?
    /// The oldest partitions go while all together take more bytes on disk, unless a consumer still
    /// needs them.
    public var bytes: Int64?
    /// As ``age``, and no consumer is waited for: it is moved behind what was dropped.
    public var hardAge: Duration?
    /// As ``bytes``, and no consumer is waited for.
    public var hardBytes: Int64?
    /// Rows of the ledger that are older go, but for those of open dead letters.
    public var ledgerAge: Duration?

    public init() {}

    /// Whether events are ever dropped.
    var dropsEvents: Bool { age != nil || bytes != nil || hardAge != nil || hardBytes != nil }

    var isEmpty: Bool { !dropsEvents && ledgerAge == nil }
}
