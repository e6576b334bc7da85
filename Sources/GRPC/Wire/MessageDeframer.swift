/// Cuts a stream's bytes into messages: a flag, four bytes of length, the message. The bytes may
/// come split anywhere.
///
/// A declared length alone allocates nothing to speak of: room grows as bytes come. Compressed
/// messages stay compressed here: windows count what travels, so what waits to be read must not grow.
public struct MessageDeframer: Sendable {
    /// Why the bytes can't be read on.
    public enum Failure: Error, Sendable, Equatable {
        case tooLarge(bytes: Int, limit: Int)
        /// The compressed flag is set and no encoding was agreed on.
        case unexpectedCompression
        /// The flag is neither 0 nor 1.
        case badFlag(UInt8)
    }

    private let maxMessageBytes: Int
    /// Whether an encoding was agreed on, so that messages may be compressed.
    public var allowsCompression = false
    /// The first bytes of the head, as they came.
    private var head: UInt64 = 0
    private var headCount = 0
    private var body: [UInt8] = []
    private var bodyLength = 0

    private static let headLength = 5
    private static let firstReservation = 16 * 1_024
    /// From here on blocks are mapped for themselves (`process_give_memory_back`).
    private static let largeReservation = 64 * 1_024

    /// - Parameter maxMessageBytes: A message of exactly so many bytes passes.
    public init(maxMessageBytes: Int) {
        self.maxMessageBytes = maxMessageBytes
    }

    /// Part of a message is here and the rest is not.
    public var isMidMessage: Bool { headCount > 0 }

    /// Memory of the message of which the rest is missing.
    public var pendingBytes: Int { headCount == Self.headLength ? body.capacity : 0 }

    /// Takes bytes, and hands over each message they complete. Not to be used after it threw.
    public mutating func read(
        _ bytes: Span<UInt8>, _ message: (FramedMessage) -> Void
    ) throws(Failure) {
        var offset = 0
        while offset < bytes.count || headCount == Self.headLength {
            if headCount == 0, bytes.count - offset >= Self.headLength {
                let length: UInt32 = bytes.bytes.unsafeLoadUnaligned(
                    fromByteOffset: offset + 1, as: UInt32.self)
                head = UInt64(bytes[offset]) | UInt64(length) << 8
                headCount = Self.headLength
                offset += Self.headLength
                try begin(available: bytes.count - offset)
            }
            guard headCount == Self.headLength else {
                head |= UInt64(bytes[offset]) << UInt64(8 * headCount)
                headCount += 1
                offset += 1
                if headCount == Self.headLength { try begin(available: bytes.count - offset) }
                continue
            }
            let taken = min(bodyLength - body.count, bytes.count - offset)
            makeRoom(taken)
            bytes.extracting(offset..<offset + taken).withUnsafeBufferPointer {
                body.append(contentsOf: $0)
            }
            offset += taken
            guard body.count == bodyLength else { return }
            message(FramedMessage(body, isCompressed: head & 1 == 1))
            body = []
            head = 0
            headCount = 0
        }
    }

    /// In one step to a large block, then by half at a time, and never beyond the message: arrays
    /// double, and many large messages would hold a multiple of what has come, or leave holes of every
    /// size on the heap.
    private mutating func makeRoom(_ count: Int) {
        let wanted = body.count + count
        guard wanted > body.capacity else { return }
        let step = max(wanted, Self.largeReservation, body.count + body.count / 2)
        body.reserveCapacity(min(bodyLength, step))
    }

    private mutating func begin(available: Int) throws(Failure) {
        let flag = UInt8(truncatingIfNeeded: head)
        guard flag <= 1 else { throw .badFlag(flag) }
        if flag == 1 && !allowsCompression { throw .unexpectedCompression }
        bodyLength = Int(UInt32(truncatingIfNeeded: head >> 8).byteSwapped)
        guard bodyLength <= maxMessageBytes else {
            throw .tooLarge(bytes: bodyLength, limit: maxMessageBytes)
        }
        body.reserveCapacity(min(bodyLength, max(available, Self.firstReservation)))
    }
}

extension MessageDeframer.Failure {
    /// The status that the peer hears.
    var rpcError: RPCError {
        switch self {
        case .tooLarge(let bytes, let limit):
            RPCError(
                .resourceExhausted, "message of \(bytes) bytes is over the limit of \(limit)")
        case .unexpectedCompression:
            RPCError(.internalError, "compressed message, but no grpc-encoding was agreed on")
        case .badFlag(let flag):
            RPCError(.internalError, "bad compressed flag \(flag)")
        }
    }
}
