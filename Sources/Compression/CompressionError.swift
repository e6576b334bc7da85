/// Why bytes can't be decompressed.
public struct CompressionError: Error, Sendable, Equatable {
    /// What is wrong with them.
    public enum Code: Sendable, Equatable {
        /// Not of the format, or damaged on the way.
        case corrupt
        /// They end before their contents do.
        case truncated
        /// Something follows their end.
        case trailingBytes
        /// More contents than the caller's limit.
        case tooLarge
        /// Contents so much larger than the bytes that only a bomb is.
        case suspicious
    }

    public let code: Code

    init(_ code: Code) { self.code = code }
}
