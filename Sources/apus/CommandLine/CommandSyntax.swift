/// What a subcommand accepts: enough to parse its arguments and to print its help.
struct CommandSyntax: Sendable {
    /// As typed, such as `publish`.
    let name: String
    /// One line for `apus --help`.
    let summary: String
    /// Operands as help shows them, such as `[TYPE]`; empty when there are none.
    let operands: String
    /// How many operands may be given.
    let operandCount: ClosedRange<Int>
    /// Paragraphs below the summary in the command's own help.
    let discussion: String
    let flags: [Flag]

    init(
        _ name: String, summary: String, operands: String = "",
        operandCount: ClosedRange<Int> = 0...0, discussion: String = "", flags: [Flag]
    ) {
        self.name = name
        self.summary = summary
        self.operands = operands
        self.operandCount = operandCount
        self.discussion = discussion
        self.flags = flags + [.help]
    }

    func flag(named name: String) -> Flag? {
        flags.first { $0.name == name }
    }

    var help: String {
        var lines = ["Usage: apus \(name) [FLAG ...]\(operands.isEmpty ? "" : " " + operands)", ""]
        lines.append(summary)
        if !discussion.isEmpty { lines += ["", discussion] }
        lines += ["", "Flags (each also as \(Flag.environmentPrefix)… in the environment):"]
        let width = flags.map(\.label.count).max() ?? 0
        for flag in flags {
            let padding = String(repeating: " ", count: width - flag.label.count + 2)
            let text = Self.wrapped(flag.help, width: Self.helpWidth - width - 4)
            lines.append("  " + flag.label + padding + text[0])
            lines += text.dropFirst().map { String(repeating: " ", count: width + 4) + $0 }
        }
        return lines.joined(separator: "\n")
    }

    /// Columns of a line of help.
    private static let helpWidth = 110

    /// At least one line; longer than `width` where a word is.
    private static func wrapped(_ text: String, width: Int) -> [String] {
        var lines = [""]
        for word in text.split(separator: " ") {
            let line = lines[lines.count - 1]
            if line.isEmpty {
                lines[lines.count - 1] = String(word)
            } else if line.count + 1 + word.count <= width {
                lines[lines.count - 1] += " " + word
            } else {
                lines.append(String(word))
            }
        }
        return lines
    }
}

/// One flag in GNU style: `--name VALUE`, `--name=VALUE`, or a bare switch.
struct Flag: Sendable {
    /// Before the name in the environment: `--data-dir` is `APUS_DATA_DIR`.
    static let environmentPrefix = "APUS_"

    let name: String
    /// The value as help shows it; nil for a switch.
    let placeholder: String?
    let help: String
    /// May be given several times; in the environment, separated by commas.
    let isRepeated: Bool

    static func value(_ name: String, _ placeholder: String, _ help: String) -> Flag {
        Flag(name: name, placeholder: placeholder, help: help, isRepeated: false)
    }

    static func list(_ name: String, _ placeholder: String, _ help: String) -> Flag {
        Flag(name: name, placeholder: placeholder, help: help, isRepeated: true)
    }

    static func toggle(_ name: String, _ help: String) -> Flag {
        Flag(name: name, placeholder: nil, help: help, isRepeated: false)
    }

    static let help = toggle("help", "Print this help.")

    var label: String {
        guard let placeholder else { return "--\(name)" }
        return "--\(name) \(placeholder)\(isRepeated ? " ..." : "")"
    }

    var environmentName: String {
        Flag.environmentPrefix + name.uppercased().split(separator: "-").joined(separator: "_")
    }
}

/// The command line was wrong: exit code 2, with this message and a pointer to the help.
struct UsageError: Error {
    let message: String

    init(_ message: String) {
        self.message = message
    }
}
