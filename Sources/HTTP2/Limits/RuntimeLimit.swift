/// Every limit of the runtime that somebody can run into, as metrics and logs name it. A closed set.
public enum RuntimeLimit: Int, CaseIterable, Sendable, CustomStringConvertible {
    case connections
    case connectionsPerPeer
    /// Connections from one address that were cut off for what they did: it stays out for a while.
    case cutOffs
    /// Too few descriptors are left to accept more.
    case openFiles
    /// No TLS, or no preface and SETTINGS, in time.
    case handshakeTime
    /// More TLS handshakes under way than are kept up with.
    case handshakes
    /// Bytes or number of header fields.
    case headerList
    /// A frame or header block that began and doesn't end.
    case frameTime
    case concurrentStreams
    case streamResets
    case continuations
    /// Frames that carry nothing.
    case emptyFrames
    case pings
    /// Acknowledgements, refusals and resets that the peer causes and doesn't read.
    case waitingFrames
    /// The peer doesn't answer, or takes nothing.
    case keepAlive
    case connectionIdle
    case connectionAge
    case handlers
    case handlersPerConnection
    case memory
    /// Responses queued on one connection.
    case connectionOutput
    case messageBytes
    /// Messages that decompress to far more than is allowed, again and again.
    case bombs
    /// A request that trickles.
    case slowRequest
    /// The answer of a call that is over, for which its peer makes no room.
    case slowResponse

    /// As the label of a metric.
    public var description: String {
        switch self {
        case .connections: "connections"
        case .connectionsPerPeer: "connections_per_peer"
        case .cutOffs: "cut_offs"
        case .openFiles: "open_files"
        case .handshakeTime: "handshake_time"
        case .handshakes: "handshakes"
        case .headerList: "header_list"
        case .frameTime: "frame_time"
        case .concurrentStreams: "concurrent_streams"
        case .streamResets: "stream_resets"
        case .continuations: "continuations"
        case .emptyFrames: "empty_frames"
        case .pings: "pings"
        case .waitingFrames: "waiting_frames"
        case .keepAlive: "keep_alive"
        case .connectionIdle: "connection_idle"
        case .connectionAge: "connection_age"
        case .handlers: "handlers"
        case .handlersPerConnection: "handlers_per_connection"
        case .memory: "memory"
        case .connectionOutput: "connection_output"
        case .messageBytes: "message_bytes"
        case .bombs: "bombs"
        case .slowRequest: "slow_request"
        case .slowResponse: "slow_response"
        }
    }

    /// What a peer that is cut off reads in its GOAWAY; gRPC clients know `too_many_pings` and ping
    /// less often then (gRFC A8).
    var debugData: StaticString {
        switch self {
        case .pings: "too_many_pings"
        case .streamResets: "too_many_resets"
        case .continuations: "too_many_continuations"
        case .emptyFrames: "too_many_empty_frames"
        case .waitingFrames: "too_many_unread_frames"
        case .headerList: "header_list_too_large"
        case .handshakeTime: "handshake_timeout"
        case .frameTime: "frame_timeout"
        case .keepAlive: "keepalive_timeout"
        case .memory: "no_memory_for_headers"
        case .bombs: "too_many_bombs"
        default: ""
        }
    }
}
