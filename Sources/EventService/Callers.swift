public import Events
public import GRPC
import Telemetry

/// Says who calls, from the metadata of the call.
///
/// Until callers are authenticated the tenant is what `x-tenant-id` says; on loopback it may be
/// left out.
public struct Callers: Sendable {
    public static let tenantHeader = "x-tenant-id"

    private let allTenants: Bool

    /// - Parameter allTenants: Every caller may read and publish for every tenant.
    public init(allTenants: Bool) {
        self.allTenants = allTenants
    }

    /// - Throws: ``EventsError``: `.unauthenticated` for a caller from elsewhere that names no
    ///   tenant, `.invalidArgument` for a name that is none.
    public func caller(of call: ServerCall) throws(EventsError) -> Caller {
        guard let name = call.metadata.first(Self.tenantHeader), !name.isEmpty else {
            guard call.isFromLoopback else {
                throw EventsError(
                    .unauthenticated, "The call names no tenant in \(Self.tenantHeader).",
                    details: [.info(reason: .tenantRequired, metadata: [:])])
            }
            return Caller(tenant: .default, seesAllTenants: allTenants)
        }
        guard let tenant = TenantID(name) else {
            throw .invalid(Self.tenantHeader, "must match [A-Za-z0-9._-]{1,64}")
        }
        return Caller(tenant: tenant, seesAllTenants: allTenants)
    }

    /// The caller, and what the call tells about an event's origin.
    func publishContext(of call: ServerCall) throws(EventsError) -> PublishContext {
        PublishContext(
            caller: try caller(of: call),
            userAgent: call.metadata.first("user-agent") ?? "",
            ipAddress: call.peerHost,
            traceparent: call.metadata.first("traceparent") ?? "",
            deadline: call.deadline.map(Self.lastMoment))
    }

    /// Until when a publish waits for a store that is away: half of what the call has left, at most
    /// a second, is kept for telling why it was not stored.
    private static func lastMoment(before deadline: MonotonicTime) -> MonotonicTime {
        deadline - min(.seconds(1), MonotonicTime.now.duration(to: deadline) / 2)
    }
}
