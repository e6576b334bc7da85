import Testing

@testable import Protobuf

@Suite struct WireMergeTests {
    private func merged(_ bytes: [UInt8]) throws -> [UInt8] {
        try WireScan.check(bytes, as: Fixture.everything)
        let result = WireMerge.merged(bytes, as: Fixture.everything)
        #expect(try !WireScan.check(result, as: Fixture.everything).needsMerge)
        #expect(result.count <= bytes.count)
        return result
    }

    @Test func `occurrences of one message become one, in order`() throws {
        let first = Wire.field(1, "a") + Wire.field(2, varint: 1)
        let second = Wire.field(1, "b")
        let bytes = Wire.field(17, first) + Wire.field(3, varint: 9) + Wire.field(17, second)
        #expect(
            try merged(bytes) == Wire.field(17, first + second) + Wire.field(3, varint: 9))
    }

    @Test func `messages inside merge too`() throws {
        let first = Wire.field(3, Wire.field(1, "a"))
        let second = Wire.field(3, Wire.field(2, varint: 2))
        let inner = Wire.field(3, Wire.field(1, "a") + Wire.field(2, varint: 2))
        #expect(try merged(Wire.field(17, first) + Wire.field(17, second)) == Wire.field(17, inner))
    }

    @Test func `lists and maps are left as they are`() throws {
        let bytes =
            Wire.field(37, Wire.field(1, "a")) + Wire.field(37, Wire.field(1, "b"))
            + Wire.field(69, Wire.field(1, "k")) + Wire.field(69, Wire.field(1, "k"))
        #expect(try merged(bytes) == bytes)
    }

    @Test func `another member of the oneof in between starts afresh`() throws {
        let first = Wire.field(53, Wire.field(1, "a"))
        let other = Wire.field(52, "text")
        let second = Wire.field(53, Wire.field(2, varint: 1))
        #expect(
            try merged(first + second)
                == Wire.field(53, Wire.field(1, "a") + Wire.field(2, varint: 1)))
        // protobuf-c replaces the member when the oneof changes, so both stay.
        let result = WireMerge.merged(first + other + second, as: Fixture.everything)
        #expect(result == first + other + second)
    }

    @Test func `all layouts and unknown fields survive`() throws {
        let rest =
            Wire.field(900, varint: 300) + Wire.field(901, fixed32: 0x0102_0304)
            + Wire.field(902, fixed64: 0x0102_0304_0506_0708) + Wire.field(903, [0xff, 0])
            + Wire.field(904, varint: UInt64.max)
        let bytes = Wire.field(17, []) + rest + Wire.field(17, rest)
        #expect(try merged(bytes) == Wire.field(17, rest) + rest)
    }
}
