import EventProtos
import GRPC
import PostgresLog
import Protobuf

struct HandlersCommand: Command {
    static let syntax = CommandSyntax(
        "handlers", summary: "Shows, pauses, resumes, rebuilds and forgets handlers.",
        operands: "list | pause NAME | resume NAME | rebuild NAME | forget NAME",
        operandCount: 1...2,
        discussion: """
            pause stops a handler on all nodes until resume. rebuild empties a projection's tables and has it handle its
            events anew, unless retention has dropped some.

            forget is for a handler or webhook that no node has any more: its place in the log, its retries and, if told
            so, its dead letters go, so that it holds back retention and statuses no longer. The ledger and a
            projection's tables stay. It works on the database itself, also beside nodes that serve. Registered again,
            the name is a new handler.
            """,
        flags: ClientFlags.all + HandlerForgetting.flags)

    private enum Work: Sendable {
        case call(Call)
        case forget(HandlerForgetting)
    }

    private enum Call: Sendable {
        case list
        case pause(String)
        case resume(String)
        case rebuild(String)
    }

    private let client: ClientFlags
    private let work: Work

    init(_ arguments: ParsedArguments) throws(UsageError) {
        client = try ClientFlags(arguments)
        let action = arguments.operands[0]
        let name = arguments.operands.count > 1 ? arguments.operands[1] : nil
        guard action != "list" else {
            guard name == nil else { throw UsageError("list takes no name") }
            work = .call(.list)
            return
        }
        guard ["pause", "resume", "rebuild", "forget"].contains(action) else {
            throw UsageError(
                "no action \(action); there are list, pause, resume, rebuild and forget")
        }
        guard let name else { throw UsageError("\(action) needs the handler's NAME") }
        switch action {
        case "pause": work = .call(.pause(name))
        case "resume": work = .call(.resume(name))
        case "rebuild": work = .call(.rebuild(name))
        default: work = .forget(try HandlerForgetting(name, arguments))
        }
    }

    func run(_ terminal: Terminal) async throws {
        switch work {
        case .forget(let forgetting):
            let remains = try await forgetting.run()
            terminal.print(client.json ? EventText.json(remains) : EventText.line(remains))
        case .call(let call):
            try await client.withChannel { channel in
                try await perform(call, ApusV1.HandlerServiceClient(channel), terminal)
            }
        }
    }

    private func perform(
        _ call: Call, _ handlers: ApusV1.HandlerServiceClient, _ terminal: Terminal
    ) async throws {
        switch call {
        case .list:
            let answer = try await handlers.listHandlers(
                ApusV1.ListHandlersRequest(), options: client.unary)
            for handler in answer.handlers { try show(handler, terminal) }
        case .pause(let name):
            try show(
                try await handlers.pauseHandler(
                    ApusV1.PauseHandlerRequest(name: name), options: client.unary), terminal)
        case .resume(let name):
            try show(
                try await handlers.resumeHandler(
                    ApusV1.ResumeHandlerRequest(name: name), options: client.unary), terminal)
        case .rebuild(let name):
            try show(
                try await handlers.rebuildHandler(
                    ApusV1.RebuildHandlerRequest(name: name), options: client.unary), terminal)
        }
    }

    private func show(_ handler: ApusV1.Handler, _ terminal: Terminal) throws {
        terminal.print(client.json ? try handler.json() : EventText.block(handler))
    }
}
