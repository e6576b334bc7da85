import EventProtos
import GRPC
import Protobuf

struct GetCommand: Command {
    static let syntax = CommandSyntax(
        "get", summary: "Shows an event, its status and who was handed it.", operands: "ID",
        operandCount: 1...1,
        flags: ClientFlags.all + [
            .toggle("wait", "Waits until the handlers are done with it.")
        ])

    private let client: ClientFlags
    private let id: String
    private let waits: Bool

    init(_ arguments: ParsedArguments) throws(UsageError) {
        client = try ClientFlags(arguments)
        id = arguments.operands[0]
        waits = arguments.isSet("wait")
    }

    func run(_ terminal: Terminal) async throws {
        var request = ApusV1.GetEventRequest()
        request.id = id
        let answer = try await client.withClient { apus in
            var answer = try await apus.getEvent(request, options: client.unary)
            while waits, answer.status == .pending || answer.status == .processing {
                try await Task.sleep(for: .milliseconds(50))
                answer = try await apus.getEvent(request, options: client.unary)
            }
            return answer
        }
        if client.json {
            terminal.print(try answer.json())
            return
        }
        terminal.print(EventText.block(answer))
    }
}
