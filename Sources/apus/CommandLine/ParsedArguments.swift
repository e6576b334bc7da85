import Configuration

/// The flags and operands of one call, checked against the command's syntax.
///
/// A flag on the command line wins over the environment; an empty variable counts as not set. Help is
/// asked for on the command line only.
struct ParsedArguments: Sendable {
    let operands: [String]
    private var values: [String: [String]] = [:]
    /// Names of the flags on the command line.
    private let given: Set<String>

    /// - Throws: ``UsageError`` naming the flag that is unknown, lacks its value, or is repeated.
    init(
        _ arguments: [String], syntax: CommandSyntax, environment: [String: String]
    ) throws(UsageError) {
        var operands: [String] = []
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if argument == "--" {
                operands += rest
                break
            }
            guard argument.hasPrefix("--") else {
                guard argument == "-" || !argument.hasPrefix("-") else {
                    throw UsageError("unknown flag \(argument)")
                }
                operands.append(argument)
                continue
            }
            let parts = argument.dropFirst(2)
                .split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            guard let flag = syntax.flag(named: name) else {
                throw UsageError("unknown flag --\(name)")
            }
            let value: String
            if flag.placeholder == nil {
                guard parts.count == 1 else { throw UsageError("--\(name) takes no value") }
                value = "true"
            } else if parts.count == 2 {
                value = String(parts[1])
            } else if let next = rest.popFirst() {
                value = next
            } else {
                throw UsageError("--\(name) needs a value")
            }
            guard flag.isRepeated || values[name] == nil else {
                throw UsageError("--\(name) is given twice")
            }
            values[name, default: []].append(value)
        }
        given = Set(values.keys)
        for flag in syntax.flags where values[flag.name] == nil && flag.name != Flag.help.name {
            guard let value = environment[flag.environmentName], !value.isEmpty else { continue }
            values[flag.name] =
                flag.isRepeated ? value.split(separator: ",").map(String.init) : [value]
        }
        self.operands = operands
        guard isSet("help") || syntax.operandCount.contains(operands.count) else {
            throw UsageError(
                syntax.operandCount.upperBound == 0
                    ? "unexpected argument \(operands.first ?? "")"
                    : "expected \(syntax.operands)")
        }
    }

    /// Whether it is on the command line itself. The environment may say what is meant for other
    /// commands.
    func isGiven(_ name: String) -> Bool { given.contains(name) }

    func string(_ name: String) -> String? {
        values[name]?.last
    }

    /// Every value of a repeated flag; commas separate values too.
    func list(_ name: String) -> [String] {
        (values[name] ?? []).flatMap { $0.split(separator: ",").map(String.init) }
    }

    /// Every value of a repeated flag as it was given.
    func verbatim(_ name: String) -> [String] {
        values[name] ?? []
    }

    /// A switch counts as set unless the environment says `false`, `no`, `off` or `0`.
    func isSet(_ name: String) -> Bool {
        guard let value = values[name]?.last else { return false }
        return !["false", "no", "off", "0"].contains(value.lowercased())
    }

    func integer<Value: FixedWidthInteger>(
        _ name: String, in range: ClosedRange<Value>
    ) throws(UsageError) -> Value? {
        guard let text = string(name) else { return nil }
        guard let value = Value(text), range.contains(value) else {
            throw UsageError(
                "--\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    /// A span such as `250ms`, `15s`, `5m` or `2h`.
    func duration(_ name: String) throws(UsageError) -> Duration? {
        guard let text = string(name) else { return nil }
        // A bare number is one of seconds.
        let hasUnit = text.last.map { !$0.isNumber } ?? true
        guard let duration = DurationText.parse(hasUnit ? text : text + "s") else {
            throw UsageError("--\(name) must be a duration such as 250ms, 15s or 5m")
        }
        return duration
    }

    /// A number of bytes such as `1048576`, `500MB` or `50GiB`.
    func bytes<Value: FixedWidthInteger>(
        _ name: String, in range: ClosedRange<Value>
    ) throws(UsageError) -> Value? {
        guard let text = string(name) else { return nil }
        let digits = text.prefix { $0.isNumber || $0 == "." }
        let scales: [Substring: Double] = [
            "": 1, "B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
            "KiB": 0x1p10, "MiB": 0x1p20, "GiB": 0x1p30, "TiB": 0x1p40,
        ]
        guard let number = Double(digits), let scale = scales[text.dropFirst(digits.count)],
            let value = Value(exactly: (number * scale).rounded(.down))
        else {
            throw UsageError("--\(name) must be a number of bytes such as 500MB or 50GiB")
        }
        guard range.contains(value) else {
            throw UsageError(
                "--\(name) must be from \(range.lowerBound) to \(range.upperBound) bytes")
        }
        return value
    }

    /// One of a closed set of words.
    func choice<Value>(_ name: String, _ choices: [(String, Value)]) throws(UsageError) -> Value? {
        guard let text = string(name) else { return nil }
        for (word, value) in choices where word == text { return value }
        throw UsageError("--\(name) must be one of " + choices.map(\.0).joined(separator: ", "))
    }
}
