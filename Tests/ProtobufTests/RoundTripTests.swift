import Protobuf
import TestSupport
import Testing

@Suite struct RoundTripTests {
    @Test(arguments: 0..<16) func `random messages survive bytes, JSON, bytes`(_ seed: UInt64)
        throws
    {
        var maker = RandomMessage(random: SeededGenerator(seed: seed))
        for _ in 0..<40 {
            let bytes = maker.content(of: Fixture.everything)
            try WireScan.check(bytes, as: Fixture.everything)
            let text = try ProtobufJSON.encode(bytes, as: Fixture.everything, pool: Fixture.pool)
            let back = try ProtobufJSON.decode(text, as: Fixture.everything, pool: Fixture.pool)
            #expect(back == bytes, "\(text)")
        }
    }

    @Test(arguments: 0..<8) func `every option of printing means the same`(_ seed: UInt64) throws {
        var maker = RandomMessage(random: SeededGenerator(seed: 1_000 + seed))
        for choice in 0..<16 {
            var options = ProtobufJSON.PrintOptions()
            options.pretty = choice & 1 != 0
            options.declaredNames = choice & 2 != 0
            options.enumNumbers = choice & 4 != 0
            options.defaults = choice & 8 != 0
            let bytes = maker.content(of: Fixture.everything, depth: 2)
            let text = try ProtobufJSON.encode(
                bytes, as: Fixture.everything, pool: Fixture.pool, options: options)
            let back = try ProtobufJSON.decode(text, as: Fixture.everything, pool: Fixture.pool)
            #expect(back == bytes, "\(text)")
        }
    }

    @Test(arguments: 0..<8) func `cut or flipped bytes are an error or another message`(
        _ seed: UInt64
    ) throws {
        var maker = RandomMessage(random: SeededGenerator(seed: 2_000 + seed))
        let whole = maker.content(of: Fixture.everything)
        for _ in 0..<200 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &maker.random) where !bytes.isEmpty {
                bytes[Int.random(in: 0..<bytes.count, using: &maker.random)] = UInt8.random(
                    in: 0...255, using: &maker.random)
            }
            bytes.removeLast(Int.random(in: 0...bytes.count / 4, using: &maker.random))
            let isValid = scanError(bytes) == nil
            let text = try? ProtobufJSON.encode(bytes, as: Fixture.everything, pool: Fixture.pool)
            #expect(isValid || text == nil)
        }
    }

    @Test func `parts in any order print as one message`() throws {
        // A oneof set twice, a message in two parts, a list in two forms, a key twice.
        let bytes =
            Wire.field(52, "gone") + Wire.field(17, Wire.field(1, "n")) + Wire.field(23, [1, 2])
            + Wire.field(61, Wire.field(1, "k") + Wire.field(2, "old")) + Wire.field(51, varint: 7)
            + Wire.field(17, Wire.field(2, varint: 5)) + Wire.field(23, varint: 3)
            + Wire.field(61, Wire.field(1, "k") + Wire.field(2, "new")) + Wire.field(900, "unknown")
        let text = try ProtobufJSON.encode(bytes, as: Fixture.everything, pool: Fixture.pool)
        #expect(
            text == """
                {"nested":{"name":"n","number":"5"},"int32s":[1,2,3],"chosenInt32":7,\
                "extra":{"k":"new"}}
                """)
    }

    @Test func `an integer of 32 bits is the low half of its varint`() throws {
        let bytes =
            Wire.field(3, varint: 1 << 63) + Wire.field(5, varint: 1 << 32 | 5)
            + Wire.field(16, varint: 1 << 40) + Wire.field(13, varint: 1 << 40)
        let text = try ProtobufJSON.encode(bytes, as: Fixture.everything, pool: Fixture.pool)
        #expect(text == #"{"aUint32":5,"aBool":true}"#)
    }

    @Test func `pretty printing breaks lines and indents by two`() throws {
        let bytes =
            Wire.field(13, varint: 1) + Wire.field(17, []) + Wire.field(23, [1, 2])
            + Wire.field(61, Wire.field(1, "k") + Wire.field(2, "v"))
        let text = try ProtobufJSON.encode(
            bytes, as: Fixture.everything, pool: Fixture.pool, options: .pretty)
        #expect(
            text == """
                {
                  "aBool": true,
                  "nested": {},
                  "int32s": [
                    1,
                    2
                  ],
                  "extra": {
                    "k": "v"
                  }
                }
                """)
    }

    @Test func `the text has a limit of its own`() {
        var options = ProtobufJSON.PrintOptions()
        options.maxTextBytes = 1_000
        let bytes = (0..<1_000).flatMap { _ in Wire.field(37, []) }
        #expect(throws: JSONError.self) {
            try ProtobufJSON.encode(
                bytes, as: Fixture.everything, pool: Fixture.pool, options: options)
        }
    }
}
