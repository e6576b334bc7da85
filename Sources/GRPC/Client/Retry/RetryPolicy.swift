/// When a call that failed may be made again (gRFC A6): only for methods that may run twice, or with
/// codes that say they did not run.
public struct RetryPolicy: Sendable, Hashable {
    /// The first one included; at most 5.
    public var maxAttempts: Int
    public var firstBackOff: Duration
    public var maxBackOff: Duration
    public var multiplier: Double
    public var codes: Set<RPCStatusCode>

    public init(
        maxAttempts: Int = 4, firstBackOff: Duration = .milliseconds(100),
        maxBackOff: Duration = .seconds(2), multiplier: Double = 2,
        codes: Set<RPCStatusCode> = [.unavailable]
    ) {
        self.maxAttempts = maxAttempts
        self.firstBackOff = firstBackOff
        self.maxBackOff = maxBackOff
        self.multiplier = multiplier
        self.codes = codes
    }

    /// No second attempt, but for calls that no server's code has seen.
    public static let none = RetryPolicy(maxAttempts: 1, codes: [])

    static let mostAttempts = 5
}

/// How much of a channel's calls may be repeats (gRFC A6, "throttling"): once half of the tokens are
/// gone, calls fail without being made again.
public struct RetryBudget: Sendable, Hashable {
    /// A failure takes one.
    public var maxTokens: Double
    /// A success gives so much of one back.
    public var tokenRatio: Double

    public init(maxTokens: Double = 10, tokenRatio: Double = 0.1) {
        self.maxTokens = maxTokens
        self.tokenRatio = tokenRatio
    }
}

/// What is left of a ``RetryBudget``.
struct RetryTokens {
    private let budget: RetryBudget
    private(set) var count: Double

    init(_ budget: RetryBudget) {
        self.budget = budget
        count = budget.maxTokens
    }

    var allowRetry: Bool { count > budget.maxTokens / 2 }

    mutating func succeeded() {
        count = min(count + budget.tokenRatio, budget.maxTokens)
    }

    mutating func failed() {
        count = max(count - 1, 0)
    }
}
