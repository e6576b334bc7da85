/// Why a descriptor set was refused.
public struct DescriptorError: Error, Sendable, Equatable {
    /// What is wrong with the set.
    public enum Code: Sendable {
        /// The bytes are no FileDescriptorSet.
        case malformed
        /// A type or an imported file is not in the set.
        case unresolved
        /// Two things share a name or a number.
        case duplicate
        /// A name, a number or a reference is not allowed.
        case invalid
        /// Larger or deeper than the limits.
        case tooLarge
    }

    /// What is wrong with the set.
    public let code: Code
    /// Full name of the offending file, type or field.
    public let subject: String
    /// One sentence for people.
    public let message: String

    init(_ code: Code, _ subject: String, _ message: String) {
        self.code = code
        self.subject = subject
        self.message = message
    }
}

extension DescriptorError: CustomStringConvertible {
    public var description: String { "\(subject): \(message)" }
}
