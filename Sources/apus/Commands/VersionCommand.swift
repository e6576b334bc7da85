import CProcess

/// What this binary is.
enum Build {
    static let version = "0.1.0"
    static let commit = String(cString: process_commit())
}

struct VersionCommand: Command {
    static let syntax = CommandSyntax(
        "version", summary: "Prints the version and the commit it was built from.",
        flags: [.toggle("json", "Prints JSON.")])

    private let json: Bool

    init(_ arguments: ParsedArguments) {
        json = arguments.isSet("json")
    }

    func run(_ terminal: Terminal) {
        terminal.print(
            json
                ? #"{"version":"\#(Build.version)","commit":"\#(Build.commit)"}"#
                : "apus \(Build.version) (\(Build.commit))")
    }
}
