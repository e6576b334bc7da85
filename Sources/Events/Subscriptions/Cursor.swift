/// Where a subscriber is, as the opaque bytes that clients keep.
///
/// 21 bytes: a version, the position and the epoch (big-endian), and four check bytes. The check
/// finds accidents, not forgery: a cursor confers no right.
public struct Cursor: Sendable, Hashable {
    /// All up to here was delivered or did not match.
    public let position: Position
    /// The log's epoch in which it was made, see ``LogEpoch``.
    public let epoch: UInt64

    private static let version: UInt8 = 1
    /// Bytes of an encoded cursor.
    public static let length = 21

    public init(position: Position, epoch: UInt64) {
        self.position = position
        self.epoch = epoch
    }

    /// Reads what ``encoded()`` wrote; nil when the bytes are anything else.
    public init?(decoding bytes: [UInt8]) {
        guard bytes.count == Self.length, bytes[0] == Self.version,
            Self.check(bytes.span.extracting(..<17)) == Self.integer(bytes[17...])
        else { return nil }
        let position = Position(Self.integer(bytes[1..<9]))
        guard position <= .max else { return nil }
        self.init(position: position, epoch: Self.integer(bytes[9..<17]))
    }

    public func encoded() -> [UInt8] {
        [UInt8](capacity: Self.length) { append(to: &$0) }
    }

    /// Appends what ``encoded()`` answers.
    public func append(to bytes: inout OutputSpan<UInt8>) {
        let start = bytes.count
        bytes.append(Self.version)
        bytes.append(position.rawValue, width: 8)
        bytes.append(epoch, width: 8)
        bytes.append(Self.check(bytes.span.extracting(start...)), width: 4)
    }

    private static func integer(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// FNV-1a, folded to 32 bits.
    private static func check(_ bytes: Span<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for index in bytes.indices { hash = (hash ^ UInt64(bytes[index])) &* 0x0000_0100_0000_01b3 }
        return (hash ^ hash >> 32) & 0xffff_ffff
    }
}
