/// Whether calls of a channel find a connection.
public enum ChannelState: Sendable, Hashable {
    /// There is none, and the next call makes one.
    case idle
    case connecting
    case ready
    /// Calls fail, but for those that wait for ready.
    case transientFailure
    case shutDown
}

/// What a channel has done, and what it holds.
public struct ChannelStatistics: Sendable, Hashable {
    /// Calls that their callers have not left.
    public internal(set) var openCalls = 0
    public internal(set) var waitingCalls = 0
    /// Requests kept to be sent again.
    public internal(set) var replayBytes = 0
    /// Connections that came to be, since the channel was made; the same for what follows.
    public internal(set) var connected = 0
    public internal(set) var connectsFailed = 0
    /// Calls made again by policy.
    public internal(set) var retries = 0
    /// Calls made again because no server's code had seen them.
    public internal(set) var transparentRetries = 0
    public internal(set) var pings = 0
    public internal(set) var resolutions = 0
}
