// The refusals of the public contract, each made in one place.
extension EventsError {
    /// An answer must fit into a response's trailers.
    static let maxViolations = 20

    /// - Parameter violations: At least one; past ``maxViolations`` they are only counted.
    public static func invalid(_ violations: [FieldViolation]) -> EventsError {
        let first = violations.first.map { "\($0.field): \($0.description)" } ?? "invalid request"
        let others = violations.count > 1 ? " (and \(violations.count - 1) more)" : ""
        return EventsError(
            .invalidArgument, first + others,
            details: [.fields(Array(violations.prefix(maxViolations)))])
    }

    public static func invalid(_ field: String, _ description: String) -> EventsError {
        invalid([FieldViolation(field: field, description: description)])
    }

    public static func tenantDenied(_ tenant: String) -> EventsError {
        EventsError(
            .permissionDenied, "The caller may not act for this tenant.",
            details: [.info(reason: .tenantDenied, metadata: ["tenant_id": tenant])])
    }

    public static func eventNotFound(_ id: EventID) -> EventsError {
        EventsError(
            .notFound, "There is no event \(id).",
            details: [.resource(kind: "event", name: id.description)])
    }

    public static func eventExpired(_ id: EventID) -> EventsError {
        EventsError(
            .notFound, "Event \(id) was dropped by retention.",
            details: [
                .resource(kind: "event", name: id.description),
                .info(reason: .eventExpired, metadata: [:]),
            ])
    }

    public static func handlerNotFound(_ name: String) -> EventsError {
        EventsError(
            .notFound, "There is no handler \(name).",
            details: [.resource(kind: "handler", name: name)])
    }

    public static func cannotRebuild(_ name: String, _ why: String) -> EventsError {
        EventsError(
            .failedPrecondition, "The handler \(name) cannot be rebuilt: \(why).",
            details: [
                .precondition(kind: "HANDLER_REBUILD", subject: name, description: why)
            ])
    }

    public static func groupNotFound(_ name: String) -> EventsError {
        EventsError(
            .notFound, "There is no group \(name).",
            details: [.resource(kind: "group", name: name)])
    }

    public static func groupExists(_ name: GroupName) -> EventsError {
        EventsError(
            .alreadyExists, "There is a group \(name) already.",
            details: [.resource(kind: "group", name: name.rawValue)])
    }

    public static func tooManyGroups(_ tenant: TenantID) -> EventsError {
        let limit = Groups.maxPerTenant
        return quota(
            of: tenant, "This tenant has \(limit) groups.", description: "groups: \(limit) at most")
    }

    /// - Parameter tenant: Has so many replays that are not over.
    public static func tooManyReplays(_ tenant: TenantID) -> EventsError {
        let limit = Replays.maxOpenPerTenant
        return quota(
            of: tenant, "\(limit) replays of this tenant are not over.",
            description: "replays that are not over: \(limit) at most")
    }

    private static func quota(
        of tenant: TenantID, _ message: String, description: String
    ) -> EventsError {
        EventsError(
            .resourceExhausted, message,
            details: [
                .info(reason: .overloaded, metadata: ["tenant_id": tenant.rawValue]),
                .retry(after: .seconds(10)),
                .quota(subject: "tenant:\(tenant.rawValue)", description: description),
            ])
    }

    public static func idTaken(_ id: EventID) -> EventsError {
        EventsError(
            .alreadyExists, "Event \(id) exists with other content.",
            details: [.resource(kind: "event", name: id.description)])
    }

    public static func subjectMoved(
        _ subject: String, expected: Position, actual: Position
    ) -> EventsError {
        let description = "last_position is \(actual), not \(expected)"
        return EventsError(
            .failedPrecondition, "The subject's newest event is not the expected one.",
            details: [
                .precondition(
                    kind: "SUBJECT_POSITION", subject: subject, description: description),
                .info(
                    reason: .subjectMoved,
                    metadata: [
                        "last_position": actual.description,
                        "expected_last_position": expected.description,
                    ]),
            ])
    }

    public static func positionExpired(_ bounds: LogBounds) -> EventsError {
        outOfRange(
            .positionExpired, "The events from there on were dropped by retention.", bounds)
    }

    public static func positionBeyondHead(_ bounds: LogBounds) -> EventsError {
        outOfRange(.positionBeyondHead, "The position is beyond the head of the log.", bounds)
    }

    public static func logDiverged(_ bounds: LogBounds) -> EventsError {
        outOfRange(
            .logDiverged, "The cursor is from a history that the restored log does not hold.",
            bounds)
    }

    /// The store answers from before an epoch that is known; so it does, for a moment, after it was
    /// restored.
    static let otherHistory = unavailable(
        .storeUnavailable, "The store is at an earlier moment.", retryAfter: .seconds(1))

    private static func outOfRange(
        _ reason: Reason, _ message: String, _ bounds: LogBounds
    ) -> EventsError {
        EventsError(
            .outOfRange,
            "\(message) The earliest position is \(bounds.earliest), the head \(bounds.head).",
            details: [
                .info(
                    reason: reason,
                    metadata: [
                        "earliest_position": bounds.earliest.description,
                        "head_position": bounds.head.description,
                    ])
            ])
    }

    public static func overloaded(retryAfter: Duration) -> EventsError {
        EventsError(
            .resourceExhausted, "Too much is waiting to be stored.",
            details: [.info(reason: .overloaded, metadata: [:]), .retry(after: retryAfter)])
    }

    /// - Parameter tenant: Who has so much waiting that others would find no room.
    public static func tenantOverloaded(
        _ tenant: TenantID, retryAfter: Duration
    ) -> EventsError {
        EventsError(
            .resourceExhausted, "Too much of this tenant is waiting to be stored.",
            details: [
                .info(reason: .overloaded, metadata: ["tenant_id": tenant.rawValue]),
                .retry(after: retryAfter),
                .quota(
                    subject: "tenant:\(tenant.rawValue)",
                    description: "the tenant's share of what may wait to be stored"),
            ])
    }

    /// - Parameter reason: One of the store's states, or `outcomeUnknown` when the connection was
    ///   lost with the events on their way.
    public static func unavailable(
        _ reason: Reason, _ message: String, retryAfter: Duration
    ) -> EventsError {
        EventsError(
            .unavailable, message,
            details: [.info(reason: reason, metadata: [:]), .retry(after: retryAfter)])
    }
}
