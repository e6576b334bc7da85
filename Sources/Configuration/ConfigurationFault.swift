/// One thing that is wrong with a configuration file, and where.
///
/// It names keys and rules, never a value: values may be secrets.
public struct ConfigurationFault: Sendable, Hashable {
    /// As it was named by whoever asked for it.
    public let file: String
    /// Nil when the file as a whole is meant.
    public let place: ConfigurationPlace?
    /// Keys and indices from the file's root: `webhooks[0].retry.maxAge`; empty for the root.
    public let path: String
    /// What would be right: `must be a duration from 1ms to 12h`.
    public let message: String

    public init(file: String, place: ConfigurationPlace?, path: String, message: String) {
        self.file = file
        self.place = place
        self.path = path
        self.message = message
    }
}

extension ConfigurationFault: CustomStringConvertible {
    /// `apus.yaml:4:16: handlers.lead-analytics.timeLimit: must be …`
    public var description: String {
        let start = place.map { "\(file):\($0.line):\($0.column)" } ?? file
        return path.isEmpty ? "\(start): \(message)" : "\(start): \(path): \(message)"
    }
}

/// A character of a file.
public struct ConfigurationPlace: Sendable, Hashable, Comparable {
    /// From 1.
    public let line: Int
    /// From 1, in characters.
    public let column: Int

    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    public static func < (left: ConfigurationPlace, right: ConfigurationPlace) -> Bool {
        (left.line, left.column) < (right.line, right.column)
    }
}

/// All that is wrong with a configuration file, in the order of its lines.
public struct ConfigurationError: Error, Sendable, Equatable {
    /// At least one.
    public let faults: [ConfigurationFault]

    public init(_ faults: [ConfigurationFault]) {
        self.faults = faults
    }
}

extension ConfigurationError: CustomStringConvertible {
    /// A line for each.
    public var description: String {
        faults.map(\.description).joined(separator: "\n")
    }
}
