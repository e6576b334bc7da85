import EventProtos
import GRPC
import Protobuf

struct DeadLettersCommand: Command {
    static let syntax = CommandSyntax(
        "dead-letters", summary: "Shows, retries and discards what consumers gave up on.",
        operands: "list | retry | discard", operandCount: 1...1,
        discussion: """
            Choose them by --consumer group/NAME (or handler/NAME), --ids, --type and so on; retry and discard need one
            of these. What is retried is handed out again, its attempts counted anew.
            """,
        flags: ClientFlags.all + FilterFlags.all + [
            .value("consumer", "CONSUMER", "group/NAME or handler/NAME."),
            .list("ids", "ID", "Of the events."),
            .value("limit", "COUNT", "Most dead letters that list prints; default 50."),
            .value("rate", "COUNT", "Most events that retry hands out in a second."),
            .value("reason", "TEXT", "Why discard gives them up; it needs one."),
        ])

    private enum Work: Sendable {
        case list(ApusV1.ListDeadLettersRequest, limit: Int)
        case retry(ApusV1.RetryDeadLettersRequest)
        case discard(ApusV1.DiscardDeadLettersRequest)
    }

    private static let maxPage = 1_000

    private let client: ClientFlags
    private let work: Work

    init(_ arguments: ParsedArguments) throws(UsageError) {
        client = try ClientFlags(arguments)
        let action = arguments.operands[0]
        let own = ["list": "limit", "retry": "rate", "discard": "reason"]
        guard own[action] != nil else {
            throw UsageError("no action \(action); there are list, retry and discard")
        }
        for (other, flag) in own where other != action && arguments.isGiven(flag) {
            throw UsageError("\(action) takes no --\(flag)")
        }
        let consumer = arguments.string("consumer") ?? ""
        let ids = arguments.list("ids")
        let given = try FilterFlags.filter(arguments)
        let filter = given == ApusV1.Filter() ? nil : given
        guard action == "list" || !consumer.isEmpty || !ids.isEmpty || filter != nil else {
            throw UsageError("\(action) needs to know which: --consumer, --ids, --type …")
        }
        switch action {
        case "list":
            work = .list(
                ApusV1.ListDeadLettersRequest(consumer: consumer, ids: ids, filter: filter),
                limit: try arguments.integer("limit", in: 1...Int.max) ?? 50)
        case "retry":
            work = .retry(
                ApusV1.RetryDeadLettersRequest(
                    consumer: consumer, ids: ids, filter: filter,
                    maxEventsPerSecond: try arguments.integer("rate", in: 1...UInt32.max) ?? 0))
        default:
            guard let reason = arguments.string("reason"), !reason.isEmpty else {
                throw UsageError("discard needs --reason")
            }
            work = .discard(
                ApusV1.DiscardDeadLettersRequest(
                    consumer: consumer, ids: ids, filter: filter, reason: reason))
        }
    }

    func run(_ terminal: Terminal) async throws {
        try await client.withChannel { channel in
            let handlers = ApusV1.HandlerServiceClient(channel)
            switch work {
            case .list(let request, let limit):
                try await list(request, limit, handlers, terminal)
            case .retry(let request):
                let answer = try await handlers.retryDeadLetters(request, options: client.unary)
                terminal.print(
                    client.json
                        ? try answer.json()
                        : "to be handed out again: \(EventText.count(answer.retried, "event"))")
            case .discard(let request):
                let answer = try await handlers.discardDeadLetters(request, options: client.unary)
                terminal.print(
                    client.json
                        ? try answer.json()
                        : "discarded: \(EventText.count(answer.discarded, "dead letter"))")
            }
        }
    }

    private func list(
        _ wanted: ApusV1.ListDeadLettersRequest, _ limit: Int,
        _ handlers: ApusV1.HandlerServiceClient, _ terminal: Terminal
    ) async throws {
        var request = wanted
        var left = limit
        // The size of pages stays the same, since the next one is asked for with the same request.
        request.pageSize = UInt32(min(limit, Self.maxPage))
        repeat {
            let page = try await handlers.listDeadLetters(request, options: client.unary)
            for letter in page.deadLetters.prefix(left) {
                terminal.print(client.json ? try letter.json() : EventText.line(letter))
            }
            left -= page.deadLetters.count
            request.pageToken = page.nextPageToken
        } while left > 0 && !request.pageToken.isEmpty
    }
}
