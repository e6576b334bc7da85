import EventProtos
import GRPC
import Protobuf

struct ListCommand: Command {
    static let syntax = CommandSyntax(
        "list", summary: "Lists events, newest first.",
        flags: ClientFlags.all + FilterFlags.all + [
            .list("status", "STATUS", "pending, processing, processed or failed."),
            .value("since", "TIME", "Recorded at this moment or later (RFC 3339)."),
            .value("until", "TIME", "Recorded before this moment."),
            .value("limit", "COUNT", "Most events; default 50."),
            .toggle("oldest-first", "Turns the order round."),
        ])

    private static let maxPage: UInt32 = 1000

    private let client: ClientFlags
    private let request: ApusV1.ListEventsRequest
    private let limit: Int

    init(_ arguments: ParsedArguments) throws(UsageError) {
        client = try ClientFlags(arguments)
        limit = try arguments.integer("limit", in: 1...Int.max) ?? 50
        var request = ApusV1.ListEventsRequest()
        request.filter = try FilterFlags.filter(arguments)
        request.statuses = try FilterFlags.statuses(arguments.list("status"))
        request.since = try FilterFlags.time("since", arguments)
        request.until = try FilterFlags.time("until", arguments)
        request.oldestFirst = arguments.isSet("oldest-first")
        self.request = request
    }

    func run(_ terminal: Terminal) async throws {
        try await client.withClient { apus in
            var request = request
            var left = limit
            repeat {
                request.pageSize = UInt32(min(left, Int(Self.maxPage)))
                let page = try await apus.listEvents(request, options: client.unary)
                for event in page.events.prefix(left) {
                    terminal.print(client.json ? try event.json() : EventText.line(event))
                }
                left -= page.events.count
                request.pageToken = page.nextPageToken
            } while left > 0 && !request.pageToken.isEmpty
        }
    }
}
