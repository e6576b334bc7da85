/// `--name value` of the interop programs, each name at most once.
public struct InteropFlags: Sendable {
    /// What the caller got wrong.
    public struct Misuse: Error, CustomStringConvertible {
        public let description: String
        public init(_ description: String) { self.description = description }
    }

    private var values: [String: String] = [:]

    public init(_ arguments: [String], known: Set<String>) throws {
        guard arguments.count % 2 == 0 else { throw Misuse("a flag without a value") }
        for index in stride(from: 0, to: arguments.count, by: 2) {
            let name = arguments[index].hasPrefix("--") ? String(arguments[index].dropFirst(2)) : ""
            guard known.contains(name) else {
                throw Misuse("unknown flag \(arguments[index])")
            }
            values[name] = arguments[index + 1]
        }
    }

    public subscript(name: String) -> String? { values[name] }

    public func integer(_ name: String) throws -> Int? {
        guard let text = values[name] else { return nil }
        guard let number = Int(text) else { throw Misuse("--\(name) is a number") }
        return number
    }
}
