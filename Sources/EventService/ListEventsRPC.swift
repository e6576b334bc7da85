import Digests
public import EventProtos
import Events
public import GRPC
import Protobuf

extension EventServiceServer {
    public func listEvents(
        _ request: ApusV1.ListEventsRequest, call: ServerCall
    ) async throws -> ApusV1.ListEventsResponse {
        try await mapped {
            let caller = try callers.caller(of: call)
            let token = PageToken(request: request)
            let query = try ListQuery(request, caller: caller, token: token)
            let statuses = try EventStatus.set(request.statuses, field: "statuses")
            let page = try await listing.list(query, statuses: statuses)
            var response = ApusV1.ListEventsResponse()
            var bytes = 0
            var next = page.next
            for entry in page.entries {
                guard bytes < Self.maxListedBytes else {
                    next = response.events.last?.event.map { Position($0.position) }
                    break
                }
                bytes += entry.event.footprint
                response.events.append(ApusV1.GetEventResponse(entry.event, entry.standing))
            }
            response.nextPageToken = next.map(token.text) ?? ""
            return response
        }
    }

    /// A response stays under 3 MiB, also when its last event is one of 1 MiB.
    private static let maxListedBytes = 3 << 19
}

extension ListQuery {
    private static let pageSizes: ClosedRange<UInt32> = 1...1_000
    private static let defaultPageSize = 50

    /// - Throws: ``EventsError``: `.invalidArgument` naming each wrong field, `.permissionDenied`.
    init(
        _ request: ApusV1.ListEventsRequest, caller: Caller, token: PageToken
    ) throws(EventsError) {
        try self.init(
            filter: EventFilter(request.filter, caller: caller),
            since: Timestamp(checking: request.since, field: "since"),
            until: Timestamp(checking: request.until, field: "until"),
            oldestFirst: request.oldestFirst)
        if request.pageSize != 0 {
            guard Self.pageSizes.contains(request.pageSize) else {
                throw .invalid("page_size", "must be at most \(Self.pageSizes.upperBound)")
            }
        }
        limit = request.pageSize == 0 ? Self.defaultPageSize : Int(request.pageSize)
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

/// Says where the next page begins, and for which question: a token given with another filter is
/// refused instead of answered wrongly.
struct PageToken {
    private let question: String

    init(request: ApusV1.ListEventsRequest) {
        var question = request
        question.pageToken = ""
        question.pageSize = 0
        self.question = String(SHA256.digest(question.encoded()).hexadecimal.prefix(16))
    }

    func text(_ position: Position) -> String {
        "\(String(position.rawValue, radix: 16)).\(question)"
    }

    /// - Returns: Nil for the first page.
    /// - Throws: ``EventsError``, `.invalidArgument`.
    func position(in token: String) throws(EventsError) -> Position? {
        guard !token.isEmpty else { return nil }
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[1] == question,
            let position = UInt64(parts[0], radix: 16), position <= Position.max.rawValue
        else {
            throw .invalid("page_token", "must be a token of the same listing")
        }
        return Position(position)
    }
}
