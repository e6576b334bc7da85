import Configuration
import Telemetry

struct ConfigCommand: Command {
    static let syntax = CommandSyntax(
        "config", summary: "Checks a configuration file of serve.", operands: "check FILE",
        operandCount: 2...2,
        discussion: """
            Reads the file as `apus serve --config FILE` would and names all that is wrong with it, a line for each:
            FILE:LINE:COLUMN: KEY: what would be right. Exit code 1 when there is any. Nothing is connected to.
            """,
        flags: [.toggle("json", "Prints JSON.")])

    private let path: String
    private let json: Bool

    init(_ arguments: ParsedArguments) throws(UsageError) {
        guard arguments.operands[0] == "check" else {
            throw UsageError("no action \(arguments.operands[0]); there is check")
        }
        path = arguments.operands[1]
        json = arguments.isSet("json")
    }

    func run(_ terminal: Terminal) throws {
        var faults: [ConfigurationFault] = []
        do throws(ConfigurationError) {
            _ = try ConfigurationFile.read(path)
        } catch {
            faults = error.faults
        }
        if json {
            terminal.print(text(faults))
        } else if faults.isEmpty {
            terminal.print("\(path) is right")
        } else {
            for fault in faults { terminal.error(fault.description) }
        }
        guard faults.isEmpty else {
            throw CommandFailure(EventText.count(faults.count, "fault"))
        }
    }

    private func text(_ faults: [ConfigurationFault]) -> String {
        var text = #"{"file":"#
        text.append(jsonString: path)
        text += #","faults":["#
        for (index, fault) in faults.enumerated() {
            text += index == 0 ? "{" : ",{"
            if let place = fault.place {
                text += #""line":\#(place.line),"column":\#(place.column),"#
            }
            text += #""key":"#
            text.append(jsonString: fault.path)
            text += #","message":"#
            text.append(jsonString: fault.message)
            text += "}"
        }
        return text + "]}"
    }
}
