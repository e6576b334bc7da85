import EventProtos
import GRPC
import Protobuf

struct HandlersCommand: Command {
    static let syntax = CommandSyntax(
        "handlers", summary: "Shows, pauses, resumes and rebuilds handlers.",
        operands: "list | pause NAME | resume NAME | rebuild NAME", operandCount: 1...2,
        discussion: """
            pause stops a handler on all nodes until resume. rebuild empties a projection's tables and has it handle its
            events anew, unless retention has dropped some.
            """,
        flags: ClientFlags.all)

    private enum Work: Sendable {
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
            work = .list
            return
        }
        guard ["pause", "resume", "rebuild"].contains(action) else {
            throw UsageError("no action \(action); there are list, pause, resume and rebuild")
        }
        guard let name else { throw UsageError("\(action) needs the handler's NAME") }
        switch action {
        case "pause": work = .pause(name)
        case "resume": work = .resume(name)
        default: work = .rebuild(name)
        }
    }

    func run(_ terminal: Terminal) async throws {
        try await client.withChannel { channel in
            let handlers = ApusV1.HandlerServiceClient(channel)
            switch work {
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
    }

    private func show(_ handler: ApusV1.Handler, _ terminal: Terminal) throws {
        terminal.print(client.json ? try handler.json() : EventText.block(handler))
    }
}
