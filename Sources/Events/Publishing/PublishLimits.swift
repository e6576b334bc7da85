/// What one publish may hold. Everything is counted in bytes of UTF-8 and payload.
public struct PublishLimits: Sendable, Hashable {
    public var maxEvents = 1_000
    /// Of all events of a request together.
    public var maxRequestBytes = 4 << 20
    /// Of one event: its strings, metadata and data.
    public var maxEventBytes = 1 << 20
    public var maxExtraEntries = 64
    /// Of all keys and values of an event's metadata extras.
    public var maxExtraBytes = 16 << 10

    /// Of `subject`, `partition_key` and `source`.
    public static let maxNameBytes = 512
    /// Of each string of the metadata.
    public static let maxMetadataBytes = 1_024

    public init() {}
}
