import HTTP2

/// A message as it travels, without its head.
public struct FramedMessage: Sendable, Hashable {
    public var bytes: [UInt8]
    /// The flag of its head: the bytes are compressed as `grpc-encoding` says.
    public var isCompressed: Bool

    public init(_ bytes: [UInt8], isCompressed: Bool = false) {
        self.bytes = bytes
        self.isCompressed = isCompressed
    }

    var head: ChunkHead { ChunkHead(flag: isCompressed ? 1 : 0, length: UInt32(bytes.count)) }
}
