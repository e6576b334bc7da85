import Testing

@testable import Events

@Suite struct AckTokenTests {
    private static let token = AckToken(
        consumer: 7, partition: 63, fence: 1 << 40, position: Position(9_007_199_254_740_991),
        ticket: -1)

    @Test(arguments: [
        token, AckToken(consumer: 0, partition: 0, fence: 0, position: .zero, ticket: 0),
        AckToken(
            consumer: .max, partition: 1, fence: .min, position: Position(1), ticket: .max),
    ])
    func `what is written is read`(token: AckToken) {
        #expect(AckToken(decoding: token.encoded()) == token)
    }

    @Test func `the bytes are those that clients hold`() {
        let token = AckToken(
            consumer: 1, partition: 2, fence: 3, position: Position(4), ticket: 5)
        #expect(
            token.encoded().prefix(26) == [
                1, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 5,
            ])
    }

    @Test(arguments: 0..<30 * 8)
    func `a token with any bit turned is refused`(bit: Int) {
        var bytes = Self.token.encoded()
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        #expect(AckToken(decoding: bytes) == nil)
    }

    @Test(arguments: 0..<30)
    func `a token that is cut short is refused`(length: Int) {
        #expect(AckToken(decoding: Array(Self.token.encoded().prefix(length))) == nil)
    }

    @Test func `a token with more behind it is refused`() {
        #expect(AckToken(decoding: Self.token.encoded() + [0]) == nil)
    }

    @Test(arguments: [0, 2, 255] as [UInt8])
    func `a token of another version is refused though it is whole`(version: UInt8) {
        var bytes = Self.token.encoded()
        bytes[0] = version
        #expect(AckToken(decoding: Self.checked(bytes)) == nil)
    }

    @Test func `partitions and positions that cannot be are refused`() {
        var bytes = Self.token.encoded()
        #expect(AckToken(decoding: Self.checked(bytes)) == Self.token)
        bytes[5] = 64
        #expect(AckToken(decoding: Self.checked(bytes)) == nil)
        bytes = Self.token.encoded()
        bytes[14] = 0xff
        #expect(AckToken(decoding: Self.checked(bytes)) == nil)
    }

    /// With the check bytes that belong to the rest: FNV-1a, folded.
    private static func checked(_ bytes: [UInt8]) -> [UInt8] {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes.prefix(26) { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        hash ^= hash >> 32
        return bytes.prefix(26) + (0..<4).map { UInt8(truncatingIfNeeded: hash >> (24 - 8 * $0)) }
    }
}
