public import IO
public import Telemetry

/// What an interceptor knows of a call, and can change of it.
public struct InterceptedCall: Sendable {
    private enum Origin {
        case server(ServerCall)
        case client(Request)
    }

    private final class Request: Sendable {
        let method: RPCMethod
        let metadata: Metadata
        let deadline: MonotonicTime?

        init(_ method: RPCMethod, _ options: CallOptions) {
            self.method = method
            metadata = options.metadata
            deadline = options.timeout.map { .now + $0 }
        }
    }

    private let origin: Origin
    private var changedMetadata: Metadata?

    init(_ call: ServerCall) { origin = .server(call) }
    init(_ method: RPCMethod, _ options: CallOptions) { origin = .client(Request(method, options)) }

    public var side: RPCSide {
        switch origin {
        case .server: .server
        case .client: .client
        }
    }

    public var method: RPCMethod {
        switch origin {
        case .server(let call): call.method
        case .client(let request): request.method
        }
    }

    /// The request's. What follows, and a client's server, sees what is set here.
    public var metadata: Metadata {
        get {
            if let changedMetadata { return changedMetadata }
            return switch origin {
            case .server(let call): call.metadata
            case .client(let request): request.metadata
            }
        }
        set { changedMetadata = newValue }
    }

    /// Nil on a client, whose call may have no connection yet.
    public var peer: SocketAddress? {
        switch origin {
        case .server(let call): call.peer
        case .client: nil
        }
    }

    /// Who the peer proved to be; nil in plaintext, when it showed no certificate, and on a client.
    public var peerIdentity: PeerIdentity? {
        switch origin {
        case .server(let call): call.peerIdentity
        case .client: nil
        }
    }

    public var deadline: MonotonicTime? {
        switch origin {
        case .server(let call): call.deadline
        case .client(let request): request.deadline
        }
    }

    /// The status that an error ends the call with.
    public func code(of error: any Error) -> RPCStatusCode {
        if let error = error as? RPCError { return error.code }
        guard error is CancellationError else { return side == .server ? .internalError : .unknown }
        if let deadline, deadline <= .now { return .deadlineExceeded }
        return .cancelled
    }

    /// The call as its handler gets it.
    func applied(to call: ServerCall) -> ServerCall {
        changedMetadata.map { call.with($0) } ?? call
    }

    func applied(to options: CallOptions) -> CallOptions {
        guard let changedMetadata else { return options }
        var options = options
        options.metadata = changedMetadata
        return options
    }
}
