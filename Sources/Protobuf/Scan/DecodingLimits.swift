/// How much a message from outside may make us do.
public struct DecodingLimits: Sendable, Hashable {
    /// Messages within messages; the outermost is 1. At most 100.
    public var maxDepth: Int
    /// Size of the serialized message.
    public var maxBytes: Int
    /// Fields, list elements and unknown fields, over all levels.
    public var maxElements: Int
    /// Memory that the decoded C message may take.
    public var maxArenaBytes: Int

    public init(
        maxDepth: Int = 100, maxBytes: Int = 4 << 20, maxElements: Int = 1_000_000,
        maxArenaBytes: Int = 64 << 20
    ) {
        precondition((1...100).contains(maxDepth), "the stack is sized for a depth of 100")
        self.maxDepth = maxDepth
        self.maxBytes = maxBytes
        self.maxElements = maxElements
        self.maxArenaBytes = maxArenaBytes
    }

    /// For a request of 4 MiB.
    public static let `default` = DecodingLimits()
}
