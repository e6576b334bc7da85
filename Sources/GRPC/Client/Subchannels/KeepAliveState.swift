/// When to ask a connection whether its server is still there (gRFC A8), as decisions.
///
/// Pings go at a fixed interval, also while answers come: they cost nothing there, and keep the
/// state of routers on the way alive.
struct KeepAliveState {
    enum Action: Equatable {
        /// Come again after so long.
        case wait(Duration)
        /// Ask, and come again after so long.
        case ping(Duration)
        case dead
    }

    private let configuration: ClientConfiguration.KeepAlive
    /// How much was heard of the server when it was asked; nil when nothing is asked.
    private var askedAt: UInt64?

    init(_ configuration: ClientConfiguration.KeepAlive) {
        self.configuration = configuration
    }

    /// - Parameter reads: How often bytes came.
    mutating func timePassed(reads: UInt64, hasCalls: Bool) -> Action {
        if let heard = askedAt {
            guard reads != heard else { return .dead }
            // The answer stands behind what else the server has to say.
            askedAt = reads
            return .wait(configuration.timeout)
        }
        guard hasCalls || configuration.withoutCalls else { return .wait(configuration.interval) }
        askedAt = reads
        return .ping(configuration.timeout)
    }

    /// The server answered.
    mutating func answered() -> Action {
        askedAt = nil
        return .wait(configuration.interval)
    }
}
