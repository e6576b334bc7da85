/// Why bytes are not a message of the type they are said to be.
public struct DecodingError: Error, Sendable, Hashable {
    /// What rule was broken.
    public enum Code: Sendable, Hashable {
        /// The bytes end in the middle of a value.
        case truncated
        /// A varint, tag or group that cannot be.
        case malformed
        /// A field's value has another layout than its type.
        case wireType
        /// A `string` that is not UTF-8.
        case invalidUTF8
        /// A `string` with a NUL character.
        case embeddedNUL
        /// A `string` with more combining marks in a row than any language writes.
        case markRun
        /// A proto2 `required` field is missing.
        case missingRequired
        /// More messages within messages than allowed.
        case tooDeep
        /// More bytes, elements or memory than allowed.
        case tooLarge
    }

    /// What rule was broken.
    public let code: Code
    /// Where: `events[3].data.email`, `extra["k"]`; empty for the message itself.
    public let path: String
    /// One sentence for people; holds no value of the message.
    public let message: String

    public init(_ code: Code, path: String, _ message: String) {
        self.code = code
        self.path = path
        self.message = message
    }
}

extension DecodingError: CustomStringConvertible {
    public var description: String { path.isEmpty ? message : "\(path): \(message)" }
}
