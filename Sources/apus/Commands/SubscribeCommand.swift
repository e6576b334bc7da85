import EventProtos
import GRPC
import Protobuf

struct SubscribeCommand: Command {
    static let syntax = CommandSyntax(
        "subscribe", summary: "Prints events as they come.", operands: "[PATTERN ...]",
        operandCount: 0...100,
        discussion: """
            Without --from only new events are printed. With --json a line is an apus.v1.Delivery, whose cursor
            --from cursor:BASE64 continues right after. With --group the events are those of a group that exists, shared
            with its other members; each is acknowledged once it is printed.
            """,
        flags: ClientFlags.all + FilterFlags.all + [
            .value("from", "START", "beginning, end, a position, a moment, or cursor:BASE64."),
            .toggle("until-caught-up", "Ends at the head of the log."),
            .value("limit", "COUNT", "Ends after so many events."),
            .value("group", "NAME", "Joins a group, which has its own filter and start."),
            .toggle("no-ack", "With --group: leaves the events to come again."),
        ])

    private static let maxInFlight = 256

    private let client: ClientFlags
    private let request: ApusV1.SubscribeRequest
    private let limit: Int
    private let acknowledges: Bool

    init(_ arguments: ParsedArguments) throws(UsageError) {
        client = try ClientFlags(arguments)
        limit = try arguments.integer("limit", in: 1...Int.max) ?? Int.max
        var request = ApusV1.SubscribeRequest()
        request.filter = try FilterFlags.filter(arguments, types: arguments.operands)
        request.start = try Self.start(arguments)
        request.untilCaughtUp = arguments.isSet("until-caught-up")
        request.group = arguments.string("group") ?? ""
        if request.group.isEmpty {
            guard !arguments.isSet("no-ack") else { throw UsageError("--no-ack needs --group") }
        } else {
            guard request.filter == ApusV1.Filter(), request.start == nil else {
                throw UsageError("--group has its own filter and start")
            }
            // What is not wanted should not be handed out.
            request.maxInFlight = UInt32(min(limit, Self.maxInFlight))
        }
        acknowledges = !request.group.isEmpty && !arguments.isSet("no-ack")
        self.request = request
    }

    private static func start(
        _ arguments: ParsedArguments
    ) throws(UsageError) -> ApusV1.SubscribeRequest.Start? {
        guard let text = arguments.string("from") else { return nil }
        if text.hasPrefix("cursor:") {
            do {
                let cursor = try GoogleProtobuf.BytesValue(
                    json: "\"\(text.dropFirst("cursor:".count))\"", pool: EventCatalogue.pool)
                return .cursor(cursor.value)
            } catch {
                throw UsageError("--from cursor:… must be base64")
            }
        }
        return try StartFlag.start(arguments)?.ofSubscription
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
                    if acknowledges {
                        try await acknowledge(response.deliveries.prefix(left), apus)
                    }
                    left -= response.deliveries.count
                    if left <= 0 { return }
                }
            }
        }
    }

    /// What has expired meanwhile comes again, here or elsewhere.
    private func acknowledge(
        _ deliveries: ArraySlice<ApusV1.Delivery>, _ apus: ApusV1.EventServiceClient
    ) async throws {
        guard !deliveries.isEmpty else { return }
        let acks = deliveries.map { ApusV1.Ack(ackToken: $0.ackToken, action: .ack) }
        _ = try await apus.acknowledge(
            ApusV1.AcknowledgeRequest(group: request.group, acks: acks), options: client.unary)
    }
}
