import Glibc

/// One subcommand: parsed first, so that a wrong call is refused before anything happens.
protocol Command: Sendable {
    static var syntax: CommandSyntax { get }

    init(_ arguments: ParsedArguments) throws(UsageError)

    /// Runs to its end; a thrown error is printed and makes the exit code 1.
    func run(_ terminal: Terminal) async throws
}

/// A failure that the command explains itself.
struct CommandFailure: Error {
    let message: String

    init(_ message: String) {
        self.message = message
    }
}

/// The roof: picks the subcommand, runs it, and turns its outcome into an exit code:
/// 0, 1 for a failure, 2 for wrong usage.
enum Roof {
    static let commands: [any Command.Type] = [
        ServeCommand.self, PublishCommand.self, SubscribeCommand.self, GetCommand.self,
        ListCommand.self, ReplayCommand.self, GroupsCommand.self, HandlersCommand.self,
        DeadLettersCommand.self, HealthCommand.self, VerifyCommand.self, ConfigCommand.self,
        MigrateCommand.self, VersionCommand.self,
    ]

    static func main(_ arguments: [String]) async -> Int32 {
        let terminal = Terminal()
        signal(SIGPIPE, SIG_IGN)
        guard let name = arguments.first, !["--help", "-h", "help"].contains(name) else {
            terminal.print(help)
            return arguments.isEmpty ? 2 : 0
        }
        let wanted = name == "--version" ? VersionCommand.syntax.name : name
        guard let command = commands.first(where: { $0.syntax.name == wanted }) else {
            terminal.error("apus: no command \(name); `apus --help` lists them")
            return 2
        }
        do {
            let parsed = try ParsedArguments(
                Array(arguments.dropFirst()), syntax: command.syntax, environment: environment())
            guard !parsed.isSet("help") else {
                terminal.print(command.syntax.help)
                return 0
            }
            try await command.init(parsed).run(terminal)
            return 0
        } catch let error as UsageError {
            terminal.error("apus \(wanted): \(error.message); see `apus \(wanted) --help`")
            return 2
        } catch {
            terminal.error("apus \(wanted): \(describe(error))")
            return 1
        }
    }

    static var help: String {
        let syntaxes = commands.map { $0.syntax }
        let width = syntaxes.map(\.name.count).max() ?? 0
        let lines = syntaxes.map { syntax in
            "  " + syntax.name + String(repeating: " ", count: width - syntax.name.count + 2)
                + syntax.summary
        }
        return """
            Usage: apus COMMAND [FLAG ...] [ARGUMENT ...]

            Apus stores typed events in one order and hands them on without a gap.

            Commands:
            \(lines.joined(separator: "\n"))

            `apus COMMAND --help` shows a command's flags. Exit codes: 0 done, 1 failed, 2 wrong usage.
            """
    }

    private static func environment() -> [String: String] {
        var variables: [String: String] = [:]
        for command in commands {
            for flag in command.syntax.flags where variables[flag.environmentName] == nil {
                if let value = getenv(flag.environmentName) {
                    variables[flag.environmentName] = String(cString: value)
                }
            }
        }
        return variables
    }
}
