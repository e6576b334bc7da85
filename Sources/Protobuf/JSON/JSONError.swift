/// Why a text is not the JSON of a message, or a message has no JSON.
public struct JSONError: Error, Sendable, Hashable {
    /// What rule was broken.
    public enum Code: Sendable, Hashable {
        /// The text is not JSON.
        case syntax
        /// The value does not fit the field.
        case invalidValue
        /// The message has no such field.
        case unknownField
        /// A field, a map key or two members of one oneof are there twice.
        case duplicate
        /// The type named by an `Any` is not in the pool.
        case unknownType
        /// The bytes to print are no message of the type.
        case invalidMessage
        /// More nesting than allowed.
        case tooDeep
        /// More bytes or elements than allowed.
        case tooLarge
    }

    /// A place in a text.
    public struct Location: Sendable, Hashable {
        /// From 1.
        public let line: Int
        /// In bytes, from 1.
        public let column: Int
    }

    /// What rule was broken.
    public let code: Code
    /// Where: `events[3].data.email`, `extra["k"]`, by declared names; empty for the whole.
    public private(set) var path: String
    /// One sentence for people.
    public let message: String
    /// Where in the text; nil when printing.
    public let location: Location?

    init(_ code: Code, path: String, _ message: String, at location: Location? = nil) {
        self.code = code
        self.path = path
        self.message = message
        self.location = location
    }

    /// The same error, seen from outside of a field or an element (`[3]`).
    func inside(_ part: String) -> JSONError {
        var error = self
        if path.isEmpty || path.utf8.first == UInt8(ascii: "[") {
            error.path = part + path
        } else {
            error.path = "\(part).\(path)"
        }
        return error
    }
}

extension JSONError: CustomStringConvertible {
    public var description: String {
        let place = location.map { " (line \($0.line), column \($0.column))" } ?? ""
        return (path.isEmpty ? message : "\(path): \(message)") + place
    }
}
