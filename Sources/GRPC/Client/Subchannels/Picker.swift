import HTTP2

/// Which connection the next call goes to: those that are up, in turn.
struct Picker {
    enum Pick {
        case connection(ClientConnection, HTTP2Session)
        /// None has room, or none is up yet.
        case wait
        /// None is up, and every attempt failed.
        case fail(RPCError)
    }

    private var ready: ContiguousArray<Subchannel> = []
    private var next = 0
    private var failure: RPCError?

    /// - Parameter start: Where the turns begin; random, so that the clients of a set of servers don't
    ///   all begin with the first.
    init(start: Int = 0) {
        next = start
    }

    /// - Parameter resolution: Why there is no subchannel at all; nil while it may come to one.
    mutating func update(_ subchannels: [Subchannel], resolution: RPCError?) {
        ready.removeAll(keepingCapacity: true)
        failure = resolution
        var hopes = false
        for subchannel in subchannels {
            switch subchannel.connectivity {
            case .ready: ready.append(subchannel)
            case .failing(let error): failure = error
            case .idle, .connecting: hopes = true
            case .shutDown: break
            }
        }
        if hopes { failure = nil }
    }

    var readyCount: Int { ready.count }
    var error: RPCError? { ready.isEmpty ? failure : nil }

    mutating func pick() -> Pick {
        for _ in 0..<ready.count {
            if next >= ready.count { next = 0 }
            let connection = ready[next].current
            next += 1
            if let connection, let session = connection.session {
                return .connection(connection, session)
            }
        }
        if ready.isEmpty, let failure { return .fail(failure) }
        return .wait
    }
}
