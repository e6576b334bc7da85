import EventProtos
import GRPC
import Protobuf

struct SubscribeCommand: Command {
    static let syntax = CommandSyntax(
        "subscribe", summary: "Prints events as they come.", operands: "[PATTERN ...]",
        operandCount: 0...100,
        discussion: """
            Without --from only new events are printed. With --json a line is an apus.v1.Delivery, whose cursor
            --from cursor:BASE64 continues right after.
            """,
        flags: ClientFlags.all + FilterFlags.all + [
            .value("from", "START", "beginning, end, a position, a moment, or cursor:BASE64."),
            .toggle("until-caught-up", "Ends at the head of the log."),
            .value("limit", "COUNT", "Ends after so many events."),
        ])

    private let client: ClientFlags
    private let request: ApusV1.SubscribeRequest
    private let limit: Int

    init(_ arguments: ParsedArguments) throws(UsageError) {
        client = try ClientFlags(arguments)
        limit = try arguments.integer("limit", in: 1...Int.max) ?? Int.max
        var request = ApusV1.SubscribeRequest()
        request.filter = try FilterFlags.filter(arguments, types: arguments.operands)
        request.start = try Self.start(arguments)
        request.untilCaughtUp = arguments.isSet("until-caught-up")
        self.request = request
    }

    private static func start(
        _ arguments: ParsedArguments
    ) throws(UsageError) -> ApusV1.SubscribeRequest.Start? {
        guard let text = arguments.string("from") else { return nil }
        if text == "beginning" { return .beginning(GoogleProtobuf.Empty()) }
        if text == "end" { return .end(GoogleProtobuf.Empty()) }
        if let position = UInt64(text) { return .afterPosition(position > 0 ? position - 1 : 0) }
        if text.hasPrefix("cursor:") {
            do {
                let cursor = try GoogleProtobuf.BytesValue(
                    json: "\"\(text.dropFirst("cursor:".count))\"", pool: EventCatalogue.pool)
                return .cursor(cursor.value)
            } catch {
                throw UsageError("--from cursor:… must be base64")
            }
        }
        guard let moment = try FilterFlags.time("from", arguments) else { return nil }
        return .since(moment)
    }

    func run(_ terminal: Terminal) async throws {
        try await client.withClient { apus in
            try await apus.subscribe(request, options: client.streaming) { responses in
                var left = limit
                for try await response in responses {
                    for delivery in response.deliveries.prefix(left) {
                        terminal.print(
                            client.json
                                ? try delivery.json()
                                : EventText.line(delivery.event ?? ApusV1.Event()))
                    }
                    left -= response.deliveries.count
                    if left <= 0 { return }
                }
            }
        }
    }
}
