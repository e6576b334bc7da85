/// Whether one call is made again, as decisions (gRFC A6): it does nothing itself.
struct RetryState {
    /// How far the attempt came that failed.
    enum Reach: Equatable {
        /// Nothing of it was written.
        case here
        /// The server's library says that no code of the server's has seen it (RFC 9113 §8.7).
        case refused
        /// The server may have run it.
        case server
    }

    /// What the server says of repeating, in `grpc-retry-pushback-ms`.
    enum Pushback: Equatable {
        case after(Duration)
        case never

        init(_ text: String) {
            if let milliseconds = Int32(text), milliseconds >= 0 {
                self = .after(.milliseconds(Int64(milliseconds)))
            } else {
                self = .never
            }
        }
    }

    enum Decision: Equatable {
        case giveUp
        case now
        case after(Duration)
    }

    /// The call's answer has begun, or its messages are no longer kept: what happens now is final.
    private(set) var isCommitted = false
    /// Failed attempts that the policy let repeat: what `grpc-previous-rpc-attempts` tells.
    private(set) var repeats = 0
    private var wasRefused = false
    private var unsent = 0
    private var backOff: BackOff?

    /// In the gRFC there is no end to these; a bug must have one.
    static let mostUnsent = 100

    mutating func commit() {
        isCommitted = true
    }

    /// - Parameters:
    ///   - policy: Asked for only when it matters.
    ///   - spread: In -1...1.
    mutating func failed(
        _ code: RPCStatusCode, reach: Reach, pushback: Pushback?, policy: () -> RetryPolicy?,
        tokens: inout RetryTokens, spread: Double = Double.random(in: -1...1)
    ) -> Decision {
        guard !isCommitted else { return .giveUp }
        switch reach {
        case .here where unsent < Self.mostUnsent:
            unsent += 1
            return .now
        case .refused where !wasRefused:
            wasRefused = true
            return .now
        case .here, .refused, .server: break
        }
        guard let policy = policy() else { return .giveUp }
        let isRetryable = policy.codes.contains(code)
        if isRetryable || pushback == .never { tokens.failed() }
        guard isRetryable, pushback != .never, tokens.allowRetry,
            repeats + 1 < min(policy.maxAttempts, RetryPolicy.mostAttempts)
        else { return .giveUp }
        repeats += 1
        if case .after(let wait) = pushback {
            backOff = nil
            return .after(wait)
        }
        var next =
            backOff
            ?? BackOff(
                first: policy.firstBackOff, most: policy.maxBackOff, factor: policy.multiplier)
        defer { backOff = next }
        return .after(next.next(spread: spread))
    }
}
