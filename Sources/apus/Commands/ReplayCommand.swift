import EventProtos
import GRPC
import Protobuf

struct ReplayCommand: Command {
    static let syntax = CommandSyntax(
        "replay", summary: "Hands stored events to handlers again.",
        discussion: """
            Choose events by --ids, or by --type, --status, --since and so on. Handlers with external side effects are
            left out unless named or --allow-side-effects is given. --show and --cancel take a replay's id. On a terminal
            a new replay is waited for, with a progress bar; it goes on without whoever waits.
            """,
        flags: ClientFlags.all + FilterFlags.all + [
            .list("ids", "ID", "Events by id."),
            .list("status", "STATUS", "pending, processing, processed or failed."),
            .value("from-position", "POSITION", "First position."),
            .value("to-position", "POSITION", "Last position; default: the head of now."),
            .value("since", "TIME", "Recorded at this moment or later (RFC 3339)."),
            .value("until", "TIME", "Recorded before this moment."),
            .value("limit", "COUNT", "Only the oldest so many."),
            .list("handler", "NAME", "Only these handlers."),
            .toggle("dry-run", "Only shows what would be done."),
            .toggle("allow-side-effects", "Also handlers that reach outside of Apus."),
            .value("rate", "COUNT", "Most events a second."),
            .value("reason", "TEXT", "Kept with the replay."),
            .value("request-id", "TEXT", "The same again answers with the same replay."),
            .toggle("wait", "Waits until the replay is over, also where there is no terminal."),
            .toggle("no-wait", "Does not wait on a terminal either."),
            .value("show", "REPLAY", "Shows a replay."),
            .value("cancel", "REPLAY", "Ends a replay."),
            .toggle("list", "Lists replays, newest first."),
        ])

    private enum Work: Sendable {
        case start(ApusV1.ReplayRequest)
        case show(String)
        case cancel(String)
        case list
    }

    private let client: ClientFlags
    private let work: Work
    private let waits: Bool
    /// As a person would like it, who looks on.
    private let waitsOnTerminal: Bool

    init(_ arguments: ParsedArguments) throws(UsageError) {
        client = try ClientFlags(arguments)
        waits = arguments.isSet("wait")
        let isLeft = arguments.isSet("no-wait")
        guard !waits || !isLeft else {
            throw UsageError("--wait and --no-wait contradict each other")
        }
        waitsOnTerminal = !isLeft && !client.json
        if let id = arguments.string("show") {
            work = .show(id)
        } else if let id = arguments.string("cancel") {
            work = .cancel(id)
        } else if arguments.isSet("list") {
            work = .list
        } else {
            work = .start(try Self.request(arguments))
        }
    }

    private static func request(
        _ arguments: ParsedArguments
    ) throws(UsageError) -> ApusV1.ReplayRequest {
        var request = ApusV1.ReplayRequest()
        let ids = arguments.list("ids")
        if ids.isEmpty {
            var range = ApusV1.ReplayRange()
            range.filter = try FilterFlags.filter(arguments)
            range.statuses = try FilterFlags.statuses(arguments.list("status"))
            range.fromPosition = try arguments.integer("from-position", in: 0...UInt64.max) ?? 0
            range.toPosition = try arguments.integer("to-position", in: 0...UInt64.max) ?? 0
            range.since = try FilterFlags.time("since", arguments)
            range.until = try FilterFlags.time("until", arguments)
            range.limit = try arguments.integer("limit", in: 1...UInt32.max) ?? 0
            guard range != ApusV1.ReplayRange(filter: ApusV1.Filter()) else {
                throw UsageError("choose events: --ids, --type, --status, --since …")
            }
            request.selection = .range(range)
        } else {
            request.selection = .ids(ApusV1.EventIds(ids: ids))
        }
        request.handlers = arguments.list("handler")
        request.dryRun = arguments.isSet("dry-run")
        request.allowSideEffects = arguments.isSet("allow-side-effects")
        request.maxEventsPerSecond = try arguments.integer("rate", in: 1...UInt32.max) ?? 0
        request.reason = arguments.string("reason") ?? ""
        request.requestId = arguments.string("request-id") ?? ""
        return request
    }

    func run(_ terminal: Terminal) async throws {
        try await client.withClient { apus in
            switch work {
            case .start(let request):
                let replay = try await apus.replay(request, options: client.unary)
                let waits = waits || (waitsOnTerminal && terminal.isForPeople)
                try await finish(replay, waits: waits, apus, terminal)
            case .show(let id):
                let replay = try await apus.getReplay(
                    ApusV1.GetReplayRequest(replayId: id), options: client.unary)
                try await finish(replay, waits: waits, apus, terminal)
            case .cancel(let id):
                try show(
                    try await apus.cancelReplay(
                        ApusV1.CancelReplayRequest(replayId: id), options: client.unary), terminal)
            case .list: try await list(apus, terminal)
            }
        }
    }

    private func list(_ apus: ApusV1.EventServiceClient, _ terminal: Terminal) async throws {
        var request = ApusV1.ListReplaysRequest(pageSize: 1_000)
        repeat {
            let page = try await apus.listReplays(request, options: client.unary)
            for replay in page.replays { try show(replay, terminal) }
            request.pageToken = page.nextPageToken
        } while !request.pageToken.isEmpty
    }

    private func finish(
        _ replay: ApusV1.ReplayResponse, waits: Bool, _ apus: ApusV1.EventServiceClient,
        _ terminal: Terminal
    ) async throws {
        var replay = replay
        let began = ContinuousClock.now
        let before = ReplayProgress(replay).done
        var told = 0
        while waits, !replay.replayId.isEmpty, [.planned, .running].contains(replay.state) {
            let progress = ReplayProgress(replay)
            if terminal.isInteractive {
                // Of what was done before we looked on nobody knows how long it took.
                let elapsed = before == 0 ? ContinuousClock.now - began : nil
                terminal.progress(progress.bar(width: terminal.width, elapsed: elapsed))
            } else if progress.percent >= told + Self.step {
                told = progress.percent
                terminal.error(progress.line)
            }
            try await Task.sleep(for: .milliseconds(100))
            replay = try await apus.getReplay(
                ApusV1.GetReplayRequest(replayId: replay.replayId), options: client.unary)
        }
        if waits, !replay.replayId.isEmpty {
            let end = ReplayProgress(replay)
            if terminal.isInteractive {
                terminal.progress(end.bar(width: terminal.width, elapsed: nil))
                terminal.endProgress()
            } else {
                terminal.error(end.line)
            }
        }
        try show(replay, terminal)
        if replay.state == .failed { throw CommandFailure("the replay failed") }
    }

    /// Where nothing can be drawn over, a line each so many percent.
    private static let step = 10

    private func show(_ replay: ApusV1.ReplayResponse, _ terminal: Terminal) throws {
        terminal.print(client.json ? try replay.json() : EventText.block(replay))
    }
}
