/// How many messages go each way.
public enum RPCKind: Sendable {
    case unary, clientStreaming, serverStreaming, bidirectionalStreaming

    public var requestsStream: Bool { self == .clientStreaming || self == .bidirectionalStreaming }
    public var responsesStream: Bool { self == .serverStreaming || self == .bidirectionalStreaming }
}

/// One method of a service, as both sides know it.
public struct RPCMethod: Sendable, Hashable {
    /// With its package: `apus.v1.EventService`.
    public let service: String
    public let name: String
    public let kind: RPCKind
    /// `/apus.v1.EventService/Publish`
    public let path: String

    public init(service: String, name: String, kind: RPCKind) {
        self.service = service
        self.name = name
        self.kind = kind
        path = "/\(service)/\(name)"
    }
}

/// What serves one method.
public struct RPCHandler: Sendable {
    public typealias Handle =
        @Sendable (RequestMessages, ResponseMessages, ServerCall) async throws -> Void

    public let method: RPCMethod
    /// Returning ends the call with OK, throwing with a status: see ``RPCError``.
    public let handle: Handle

    public init(_ method: RPCMethod, handle: @escaping Handle) {
        self.method = method
        self.handle = handle
    }
}

/// A set of methods to serve. The code generator makes one for each service.
public protocol RPCService: Sendable {
    var rpcHandlers: [RPCHandler] { get }
}
