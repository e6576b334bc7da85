public import EventProtos
import Events
public import GRPC

extension EventServiceServer {
    public func listEvents(
        _ request: ApusV1.ListEventsRequest, call: ServerCall
    ) async throws -> ApusV1.ListEventsResponse {
        try await mapped {
            let caller = try callers.caller(of: call)
            let token = PageToken(request: request)
            let query = try ListQuery(request, caller: caller, token: token)
            let statuses = try EventStatus.set(request.statuses, field: "statuses")
            return try await reading.passing(Self.pageBytes, of: caller.tenant) {
                let page = try await listing.list(query, statuses: statuses)
                return Self.response(page, token)
            }
        }
    }

    private static func response(
        _ page: StatusListing.Page, _ token: PageToken
    ) -> ApusV1.ListEventsResponse {
        var response = ApusV1.ListEventsResponse()
        var bytes = 0
        var next = page.next
        for entry in page.entries {
            guard bytes < maxListedBytes else {
                next = response.events.last?.event.map { Position($0.position) }
                break
            }
            bytes += entry.event.footprint
            response.events.append(ApusV1.GetEventResponse(entry.event, entry.standing))
        }
        response.nextPageToken = next.map(token.text) ?? ""
        return response
    }

    /// A response stays under 3 MiB, also when its last event is one of 1 MiB.
    private static let maxListedBytes = 3 << 19
    /// What a page comes to while it is built: as rows, and as the events made of them.
    private static let pageBytes = 6 << 20
}

extension ListQuery {
    /// - Throws: ``EventsError``: `.invalidArgument` naming each wrong field, `.permissionDenied`.
    init(
        _ request: ApusV1.ListEventsRequest, caller: Caller, token: PageToken
    ) throws(EventsError) {
        try self.init(
            filter: EventFilter(request.filter, caller: caller),
            since: Timestamp(checking: request.since, field: "since"),
            until: Timestamp(checking: request.until, field: "until"),
            oldestFirst: request.oldestFirst)
        limit = try PageSize.checked(request.pageSize)
        beyond = try token.position(in: request.pageToken)
    }
}

extension Timestamp {
    /// - Throws: ``EventsError``, `.invalidArgument`, when it is no moment.
    init?(checking timestamp: GoogleProtobuf.Timestamp?, field: String) throws(EventsError) {
        guard let timestamp else { return nil }
        self.init(timestamp)
        guard isValid else { throw .invalid(field, "must be between the years 1 and 9999") }
    }
}

extension EventStatus {
    /// - Throws: ``EventsError``, `.invalidArgument`, naming the entry that is no status.
    static func set(
        _ statuses: [ApusV1.EventStatus], field: String
    ) throws(EventsError) -> Set<EventStatus> {
        var set: Set<EventStatus> = []
        for (index, status) in statuses.enumerated() {
            guard let status = EventStatus(rawValue: Int(status.rawValue)) else {
                throw .invalid("\(field)[\(index)]", "is no status")
            }
            set.insert(status)
        }
        return set
    }
}
