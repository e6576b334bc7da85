import EventProtos
public import Events
public import GRPC
import Protobuf

/// The one place where a refusal becomes a gRPC status with its details.
extension RPCError {
    public init(_ error: EventsError) {
        self.init(
            error.code.statusCode, error.message,
            details: GoogleRpc.Status(error).encoded())
    }
}

extension EventsError.Code {
    var statusCode: RPCStatusCode {
        switch self {
        case .invalidArgument: .invalidArgument
        case .unauthenticated: .unauthenticated
        case .permissionDenied: .permissionDenied
        case .notFound: .notFound
        case .alreadyExists: .alreadyExists
        case .failedPrecondition: .failedPrecondition
        case .outOfRange: .outOfRange
        case .resourceExhausted: .resourceExhausted
        case .unavailable: .unavailable
        case .broken: .internalError
        }
    }
}

extension EventsError {
    /// As the answer to a unary call says it.
    init(_ error: Protobuf.DecodingError) {
        self.init(
            .invalidArgument, "\(error)",
            details: [.fields([FieldViolation(field: error.path, description: error.message)])])
    }
}

extension GoogleRpc.Status {
    init(_ error: EventsError) {
        self.init()
        code = Int32(error.code.statusCode.rawValue)
        message = RPCError.fitting(error.message)
        details = error.details.map(\.packed)
    }
}

extension EventsError.Detail {
    /// ErrorInfo's domain of every reason of ours.
    private static var domain: String { "apus.v1" }

    fileprivate var packed: GoogleProtobuf.AnyMessage {
        switch self {
        case .fields(let violations):
            var detail = GoogleRpc.BadRequest()
            detail.fieldViolations = violations.map { fault in
                var violation = GoogleRpc.BadRequest.FieldViolation()
                violation.field = fault.field
                violation.description = fault.description
                return violation
            }
            return GoogleProtobuf.AnyMessage(packing: detail)
        case .info(let reason, let metadata):
            var detail = GoogleRpc.ErrorInfo()
            detail.reason = reason.rawValue
            detail.domain = Self.domain
            detail.metadata = metadata
            return GoogleProtobuf.AnyMessage(packing: detail)
        case .resource(let kind, let name):
            var detail = GoogleRpc.ResourceInfo()
            detail.resourceType = kind
            detail.resourceName = name
            return GoogleProtobuf.AnyMessage(packing: detail)
        case .precondition(let kind, let subject, let description):
            var violation = GoogleRpc.PreconditionFailure.Violation()
            violation.type = kind
            violation.subject = subject
            violation.description = description
            var detail = GoogleRpc.PreconditionFailure()
            detail.violations = [violation]
            return GoogleProtobuf.AnyMessage(packing: detail)
        case .retry(let delay):
            var detail = GoogleRpc.RetryInfo()
            detail.retryDelay = GoogleProtobuf.Duration(delay)
            return GoogleProtobuf.AnyMessage(packing: detail)
        case .quota(let subject, let description):
            var violation = GoogleRpc.QuotaFailure.Violation()
            violation.subject = subject
            violation.description = description
            var detail = GoogleRpc.QuotaFailure()
            detail.violations = [violation]
            return GoogleProtobuf.AnyMessage(packing: detail)
        }
    }
}
