/// Which hand-out of which event a member answers, as the opaque bytes that clients send back.
///
/// 30 bytes: a version, consumer, partition, fence, position, ticket (big-endian), four check bytes,
/// which find accidents, not forgery: a token counts only for a group of the caller's tenant.
public struct AckToken: Sendable, Hashable {
    /// Number of the consumer in the store.
    public let consumer: Int32
    /// 0..<64.
    public let partition: Int
    /// Under which the partition was held.
    public let fence: Int64
    public let position: Position
    /// Grows with each hand-out of the event.
    public let ticket: Int32

    private static let version: UInt8 = 1
    private static let length = 30

    public init(
        consumer: Int32, partition: Int, fence: Int64, position: Position, ticket: Int32
    ) {
        self.consumer = consumer
        self.partition = partition
        self.fence = fence
        self.position = position
        self.ticket = ticket
    }

    /// Reads what ``encoded()`` wrote; nil when the bytes are anything else.
    public init?(decoding bytes: [UInt8]) {
        guard bytes.count == Self.length, bytes[0] == Self.version,
            Self.check(bytes[..<26]) == Self.integer(bytes[26...])
        else { return nil }
        let position = Position(Self.integer(bytes[14..<22]))
        guard position <= .max, bytes[5] < UInt8(Partition.count) else { return nil }
        self.init(
            consumer: Int32(truncatingIfNeeded: Self.integer(bytes[1..<5])),
            partition: Int(bytes[5]), fence: Int64(bitPattern: Self.integer(bytes[6..<14])),
            position: position,
            ticket: Int32(truncatingIfNeeded: Self.integer(bytes[22..<26])))
    }

    public func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.length)
        bytes.append(Self.version)
        Self.append(UInt64(UInt32(bitPattern: consumer)), width: 4, to: &bytes)
        bytes.append(UInt8(partition))
        Self.append(UInt64(bitPattern: fence), width: 8, to: &bytes)
        Self.append(position.rawValue, width: 8, to: &bytes)
        Self.append(UInt64(UInt32(bitPattern: ticket)), width: 4, to: &bytes)
        Self.append(Self.check(bytes[...]), width: 4, to: &bytes)
        return bytes
    }

    private static func append(_ number: UInt64, width: Int, to bytes: inout [UInt8]) {
        var shift = (width - 1) * 8
        while shift >= 0 {
            bytes.append(UInt8(truncatingIfNeeded: number >> UInt64(shift)))
            shift -= 8
        }
    }

    private static func integer(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// FNV-1a, folded to 32 bits.
    private static func check(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        return (hash ^ hash >> 32) & 0xffff_ffff
    }
}
