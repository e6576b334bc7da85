import EventProtos
import Events

// Between the groups of the wire and those of the rules.

extension GroupName {
    static let rule = "must match [A-Za-z0-9._-]{1,64}"

    /// - Throws: ``EventsError``, `.invalidArgument`.
    init(checking text: String, field: String) throws(EventsError) {
        guard let name = GroupName(text) else { throw .invalid(field, Self.rule) }
        self = name
    }
}

extension SubscriptionRequest.Start {
    /// - Throws: ``EventsError``, `.invalidArgument`.
    static func after(
        checking position: UInt64, field: String
    ) throws(EventsError) -> SubscriptionRequest.Start {
        guard position <= Position.max.rawValue else { throw .invalid(field, "must be below 2^53") }
        return .after(Position(position))
    }

    /// Cut to microseconds, as the store keeps it.
    ///
    /// - Throws: ``EventsError``, `.invalidArgument`.
    static func since(
        checking moment: GoogleProtobuf.Timestamp, field: String
    ) throws(EventsError) -> SubscriptionRequest.Start {
        guard let moment = try Timestamp(checking: moment, field: field) else { return .beginning }
        return .since(Timestamp(microseconds: moment.microseconds))
    }
}

extension ApusV1.Group {
    /// Nil when nothing is chosen.
    ///
    /// - Throws: ``EventsError``, `.invalidArgument`.
    var domainStart: SubscriptionRequest.Start? {
        get throws(EventsError) {
            switch start {
            case .beginning: .beginning
            case .end: .end
            case .afterPosition(let position):
                try .after(checking: position, field: "group.after_position")
            case .since(let moment): try .since(checking: moment, field: "group.since")
            case nil: nil
            }
        }
    }

    /// - Throws: ``EventsError``, `.invalidArgument`.
    fileprivate var domainOrdering: GroupOrdering {
        get throws(EventsError) {
            if ordering == .unspecified { return .continue }
            guard let ordering = GroupOrdering(rawValue: Int(ordering.rawValue)) else {
                throw .invalid("group.ordering", "is no ordering")
            }
            return ordering
        }
    }

    fileprivate var domainMaxAttempts: Int {
        maxAttempts == 0 ? Events.Group.defaultMaxAttempts : Int(maxAttempts)
    }

    /// - Throws: ``EventsError``, `.invalidArgument`.
    fileprivate var domainAckDeadline: Duration {
        get throws(EventsError) {
            guard let ackDeadline else { return Events.Group.defaultAckDeadline }
            guard let deadline = ackDeadline.duration else {
                throw .invalid("group.ack_deadline", "is no duration")
            }
            return deadline
        }
    }
}

extension Group {
    /// - Throws: ``EventsError``: `.invalidArgument` naming each wrong field, `.permissionDenied`.
    init(_ group: ApusV1.Group, caller: Caller) throws(EventsError) {
        var fields = FieldReader()
        let name = try fields.read { () throws(EventsError) in
            try GroupName(checking: group.name, field: "group.name")
        }
        let filter = try fields.read { () throws(EventsError) in
            try EventFilter(group.filter, caller: caller, path: "group.filter")
        }
        let start = try fields.read { () throws(EventsError) in try group.domainStart ?? .end }
        let ordering = try fields.read { () throws(EventsError) in try group.domainOrdering }
        let deadline = try fields.read { () throws(EventsError) in try group.domainAckDeadline }
        guard let name, let filter, let start, let ordering, let deadline else {
            throw .invalid(fields.violations)
        }
        self.init(
            name: name, tenant: caller.tenant, filter: filter, start: start, ordering: ordering,
            maxAttempts: group.domainMaxAttempts, ackDeadline: deadline)
    }
}

extension GroupChanges {
    private static let maxPaths = 100

    /// - Parameter mask: Nil: the fields that are set.
    /// - Throws: ``EventsError``: `.invalidArgument` naming the wrong field, `.permissionDenied`.
    init(
        _ group: ApusV1.Group, mask: GoogleProtobuf.FieldMask?, caller: Caller
    ) throws(EventsError) {
        self.init()
        let paths = mask?.paths ?? Self.fieldsSet(in: group)
        guard paths.count <= Self.maxPaths else {
            throw .invalid("update_mask", "must have at most \(Self.maxPaths) paths")
        }
        for path in Set(paths) {
            switch path {
            case "filter":
                filter = try EventFilter(group.filter, caller: caller, path: "group.filter")
            case "ordering": ordering = try group.domainOrdering
            case "max_attempts": maxAttempts = group.domainMaxAttempts
            case "ack_deadline": ackDeadline = try group.domainAckDeadline
            default:
                throw .invalid(
                    "update_mask", "may name filter, ordering, max_attempts and ack_deadline")
            }
        }
    }

    private static func fieldsSet(in group: ApusV1.Group) -> [String] {
        var fields: [String] = []
        if group.filter != nil { fields.append("filter") }
        if group.ordering != .unspecified { fields.append("ordering") }
        if group.maxAttempts != 0 { fields.append("max_attempts") }
        if group.ackDeadline != nil { fields.append("ack_deadline") }
        return fields
    }
}

extension ApusV1.GroupResponse {
    init(_ status: GroupStatus) {
        self.init(
            group: ApusV1.Group(status.group), position: status.position.rawValue,
            lagEvents: status.lagEvents, lag: GoogleProtobuf.Duration(status.lag),
            members: UInt32(status.members), inFlight: UInt64(status.inFlight),
            deadLettered: UInt64(status.deadLettered))
    }
}

extension ApusV1.Group {
    init(_ group: Events.Group) {
        self.init(
            name: group.name.rawValue, filter: ApusV1.Filter(group.filter),
            ordering: ApusV1.GroupOrdering(rawValue: Int32(group.ordering.rawValue)),
            maxAttempts: UInt32(group.maxAttempts),
            ackDeadline: GoogleProtobuf.Duration(group.ackDeadline))
        switch group.start {
        case .beginning: start = .beginning(GoogleProtobuf.Empty())
        case .after(let position): start = .afterPosition(position.rawValue)
        case .since(let moment): start = .since(GoogleProtobuf.Timestamp(moment))
        case .end, .cursor: start = .end(GoogleProtobuf.Empty())
        }
    }
}

extension ApusV1.Filter {
    init(_ filter: EventFilter) {
        let tenants =
            switch filter.tenants {
            case .all: ["*"]
            case .only(let names): names.sorted().map(\.rawValue)
            }
        self.init(
            types: filter.types.map(\.text), tenants: tenants,
            subjectPrefix: filter.subjectPrefix, sources: filter.sources,
            kinds: filter.kinds.map { Int32($0.rawValue) }.sorted()
                .map(ApusV1.EventKind.init(rawValue:)))
    }
}
