import EventProtos
import GRPC
import Protobuf

struct PublishCommand: Command {
    static let syntax = CommandSyntax(
        "publish", summary: "Publishes one event, or many from a file.", operands: "[TYPE]",
        operandCount: 0...1,
        discussion: """
            One event: apus publish lead.created --data '{"leadId":"42","source":"manual"}'
            Many: --file FILE, or - for standard input; each line is an apus.v1.Event in JSON, whose data needs no
            @type; one without an id gets one. Lines are sent as they can be read, many a request, over one stream.
            """,
        flags: ClientFlags.all + [
            .value("file", "FILE", "Newline-delimited JSON events; - is standard input.")
        ] + ofOneEvent)

    /// What a line of a file says itself.
    private static let ofOneEvent: [Flag] = [
        .value("data", "JSON", "The payload; its message is what the type says."),
        .value("id", "UUID", "Makes a repeat harmless; default: a new one."),
        .value("version", "NUMBER", "Of the type; default: the newest."),
        .value("subject", "TEXT", "What the event is about."),
        .value(
            "partition-key", "TEXT", "Events of one key stay in order; default: the subject."),
        .value("source", "NAME", "Who publishes."),
        .value("occurred-at", "TIME", "When it happened (RFC 3339); default: now."),
        .value("correlation-id", "TEXT", "Ties events of one conversation together."),
        .value("causation-id", "TEXT", "Id of the event that caused this one."),
        .list("extra", "KEY=VALUE", "Free-form metadata."),
        .value("expect-position", "POSITION", "Only if the subject's newest event is there."),
    ]

    private enum Work: Sendable {
        case one(ApusV1.PublishRequest)
        case file(String)
    }

    private let client: ClientFlags
    private let work: Work

    init(_ arguments: ParsedArguments) throws(UsageError) {
        client = try ClientFlags(arguments)
        if let file = arguments.string("file") {
            guard arguments.operands.isEmpty else { throw UsageError("--file takes no TYPE") }
            for flag in Self.ofOneEvent where arguments.isGiven(flag.name) {
                throw UsageError("--file takes no --\(flag.name): each line says its own")
            }
            work = .file(file)
        } else {
            work = .one(try Self.request(arguments))
        }
    }

    private static func request(
        _ arguments: ParsedArguments
    ) throws(UsageError) -> ApusV1.PublishRequest {
        guard let type = arguments.operands.first else {
            throw UsageError("expected TYPE, or --file")
        }
        var event: ApusV1.Event
        do {
            event = try EventLine.event(
                type: type, version: try arguments.integer("version", in: 0...UInt32.max) ?? 0,
                data: arguments.string("data") ?? "{}")
        } catch let error as UsageError {
            throw error
        } catch {
            throw UsageError(describe(error))
        }
        event.id = arguments.string("id") ?? EventLine.newID()
        event.subject = arguments.string("subject") ?? ""
        event.partitionKey = arguments.string("partition-key") ?? ""
        event.source = arguments.string("source") ?? ""
        event.occurredAt = try FilterFlags.time("occurred-at", arguments)
        var metadata = ApusV1.EventMetadata()
        metadata.correlationId = arguments.string("correlation-id") ?? ""
        metadata.causationId = arguments.string("causation-id") ?? ""
        for pair in arguments.verbatim("extra") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { throw UsageError("--extra must be KEY=VALUE") }
            metadata.extra[String(parts[0])] = String(parts[1])
        }
        event.metadata = metadata
        var request = ApusV1.PublishRequest()
        request.events = [event]
        if let position = try arguments.integer("expect-position", in: 0...UInt64.max) {
            var precondition = ApusV1.SubjectPrecondition()
            precondition.subject = event.subject
            precondition.lastPosition = position
            request.precondition = precondition
        }
        return request
    }

    func run(_ terminal: Terminal) async throws {
        switch work {
        case .one(let request):
            let response = try await client.withClient {
                try await $0.publish(request, options: client.unary)
            }
            for result in response.results { terminal.print(try text(result)) }
        case .file(let path):
            let lines = try LineReader(path: path)
            let summary = try await client.withClient {
                try await FilePublisher(lines: lines, terminal: terminal)
                    .run($0, options: client.streaming)
            }
            terminal.print(client.json ? summary.json : summary.text)
            guard summary.failed == 0 else {
                throw CommandFailure("refused: \(EventText.count(summary.failed, "event"))")
            }
        }
    }

    private func text(_ result: ApusV1.PublishResult) throws -> String {
        guard !client.json else { return try result.json() }
        return "\(result.eventId) \(result.duplicate ? "was stored" : "stored")"
            + " at position \(result.position)"
    }
}
