public import Events

/// What the handlers that call neighbours say about themselves; known also where there is no
/// neighbour, since an operator may speak of them.
public struct NeighbourTraits: HandlerTraits {
    public let name: String
    public let types: [TypePattern]
    public let hasExternalSideEffects = true
    public let timeLimit: Duration
    public let concurrency: Int
    public let ordering: HandlerOrdering

    private init(
        _ name: String, _ types: [TypePattern], deadline: Duration, concurrency: Int,
        _ ordering: HandlerOrdering
    ) {
        self.name = name
        self.types = types
        // A run may wait for a call under way, make one itself, and one more alone when that failed.
        timeLimit = min(max(.seconds(30), deadline * 5), HandlerLimits.timeLimits.upperBound)
        self.concurrency = concurrency
        self.ordering = ordering
    }

    /// - Parameter deadline: Of a call. The same below.
    static func mcpEngine(deadline: Duration) -> NeighbourTraits {
        let types = ["chat.message.received", "chat.conversation.ended"]
        return NeighbourTraits(
            "mcp-engine", types.compactMap { TypePattern($0) }, deadline: deadline,
            concurrency: 16, .perKey(afterDeadLetter: .continue))
    }

    /// - Parameter types: What is told; all of it when there are none. Which came first is in the
    ///   records, so their order does not matter.
    static func securityHub(types: [TypePattern] = [], deadline: Duration) -> NeighbourTraits {
        NeighbourTraits(
            "security-hub-audit", types.isEmpty ? [TypePattern("**")].compactMap(\.self) : types,
            deadline: deadline, concurrency: 256, .none)
    }

    /// As they are when nothing is said of them.
    public static let usual = [
        mcpEngine(deadline: .seconds(5)), securityHub(deadline: .seconds(5)),
    ]
}

/// A handler that says of itself what its traits say.
protocol NeighbourHandler: EventHandler {
    var traits: NeighbourTraits { get }
}

extension NeighbourHandler {
    public var name: String { traits.name }
    public var types: [TypePattern] { traits.types }
    public var hasExternalSideEffects: Bool { traits.hasExternalSideEffects }
    public var timeLimit: Duration { traits.timeLimit }
    public var concurrency: Int { traits.concurrency }
    public var ordering: HandlerOrdering { traits.ordering }
}
