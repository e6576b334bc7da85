import EventProtos
import Events
import GRPC
import Protobuf

/// Why a call did not do what it was for: by its gRPC status, or by the `Status` of an answer that
/// came with OK.
struct NeighbourFailure: Error, Sendable, Hashable {
    /// What follows for the event whose handling failed.
    enum Consequence: Sendable, Hashable {
        /// It is tried again by the handler's policy.
        case retry
        /// The same, and nobody else is sent there for now.
        case openCircuit
        /// It becomes a dead letter.
        case giveUp
    }

    let neighbour: Neighbour
    let method: String
    let code: RPCStatusCode
    let message: String
    /// From a `google.rpc.RetryInfo` of the status.
    let retryAfter: Duration?

    init(_ error: RPCError, from neighbour: Neighbour, method: String) {
        self.neighbour = neighbour
        self.method = method
        code = error.code
        message = error.message
        retryAfter = Self.retryDelay(error.details)
    }

    init(
        _ code: RPCStatusCode, _ message: String, from neighbour: Neighbour, method: String
    ) {
        self.neighbour = neighbour
        self.method = method
        self.code = code
        self.message = message
        retryAfter = nil
    }

    /// Nil when the answer says that it was done, or says nothing: the call ended with OK.
    ///
    /// `error_code` counts as a gRPC status when it is the name of one, in either case; anything else
    /// (a code of the neighbour's own, or none) would fail again.
    init?(_ status: McpCommonV2.Status?, from neighbour: Neighbour, method: String) {
        guard let status, !status.success else { return nil }
        let told = status.errorCode
        let message = status.message.isEmpty ? "the answer says that it failed" : status.message
        let code = RPCStatusCode(named: told)
        self.init(
            code ?? .unknown, code == nil && !told.isEmpty ? "\(told): \(message)" : message,
            from: neighbour, method: method)
    }

    var consequence: Consequence {
        switch code {
        case .unavailable, .deadlineExceeded, .resourceExhausted, .aborted, .cancelled: .retry
        case .unauthenticated: .openCircuit
        default: .giveUp
        }
    }

    /// As the engine of the handlers takes it.
    var handlerError: HandlerError {
        let text = "\(neighbour.name) \(method): \(code): \(message)"
        return switch consequence {
        case .retry: .transient(text, retryAfter: retryAfter, target: neighbour.name)
        case .openCircuit: .refused(text, target: neighbour.name)
        case .giveUp: .permanent(text, target: neighbour.name)
        }
    }

    private static func retryDelay(_ details: [UInt8]) -> Duration? {
        guard !details.isEmpty, let status = try? GoogleRpc.Status(decoding: details) else {
            return nil
        }
        for detail in status.details {
            if let info = try? detail.unpack(as: GoogleRpc.RetryInfo.self),
                let delay = info.retryDelay?.duration, delay >= .zero
            {
                return delay
            }
        }
        return nil
    }
}

extension RPCStatusCode {
    /// By gRPC's name, such as `NOT_FOUND` or `not_found`; nil when it is none, or OK.
    init?(named name: String) {
        let name = name.uppercased()
        for number in 1...16 where RPCStatusCode(rawValue: number).description == name {
            self.init(rawValue: number)
            return
        }
        return nil
    }
}
