import Protobuf
import Testing

/// The error of a scan, or nil when it passed.
func scanError(
    _ bytes: [UInt8], as type: MessageDescriptor = Fixture.everything,
    _ limits: DecodingLimits = .default
) -> DecodingError? {
    do throws(DecodingError) {
        try WireScan.check(bytes, as: type, limits: limits)
        return nil
    } catch {
        return error
    }
}

@Suite struct WireScanTests {
    struct Broken: Sendable, CustomTestStringConvertible {
        let what: String
        let bytes: [UInt8]
        let code: DecodingError.Code
        let path: String

        init(_ what: String, _ bytes: [UInt8], _ code: DecodingError.Code, _ path: String) {
            (self.what, self.bytes, self.code, self.path) = (what, bytes, code, path)
        }

        var testDescription: String { what }
    }

    static let broken: [Broken] = [
        Broken("a tag without its end", [0x80], .truncated, ""),
        Broken("a tag of six bytes", [0x88, 0x80, 0x80, 0x80, 0x80, 0x01, 0], .malformed, ""),
        Broken("a tag of 33 bits", [0x88, 0x80, 0x80, 0x80, 0x10, 0], .malformed, ""),
        Broken("field number 0", [0x00, 0x00], .malformed, ""),
        Broken("field number 0 in two bytes", [0x80, 0x00, 0x00], .malformed, ""),
        Broken("wire type 6", Wire.tag(900, 6), .malformed, ""),
        Broken("wire type 7 of a known field", Wire.tag(3, 7) + [0], .wireType, "an_int32"),
        Broken("an unknown group", Wire.tag(900, 3) + Wire.tag(900, 4), .malformed, ""),
        Broken("no value after a tag", Wire.tag(3, 0), .truncated, "an_int32"),
        Broken("a varint without its end", Wire.tag(3, 0) + [0x80], .truncated, "an_int32"),
        Broken(
            "a varint of eleven bytes", Wire.tag(3, 0) + [UInt8](repeating: 0x80, count: 10) + [1],
            .malformed, "an_int32"),
        Broken("half a fixed32", Wire.tag(9, 5) + [1, 2, 3], .truncated, "a_fixed32"),
        Broken("half a double", Wire.tag(1, 1) + [1, 2, 3, 4, 5, 6, 7], .truncated, "a_double"),
        Broken("no length", Wire.tag(14, 2), .truncated, "a_string"),
        Broken("half a length", Wire.tag(14, 2) + [0x80], .truncated, "a_string"),
        Broken("a length past the end", Wire.tag(14, 2) + [3, 65, 66], .truncated, "a_string"),
        Broken(
            "a length of six bytes", Wire.tag(14, 2) + [0x81, 0x80, 0x80, 0x80, 0x80, 0, 65],
            .malformed, "a_string"),
        Broken(
            "a length of 35 bits", Wire.tag(14, 2) + [0xff, 0xff, 0xff, 0xff, 0x7f],
            .truncated, "a_string"),
        Broken(
            "a length past the enclosing message",
            Wire.field(17, Wire.tag(1, 2) + [2, 65]) + [66, 67], .truncated, "nested.name"),
        Broken("a string as varint", Wire.field(14, varint: 1), .wireType, "a_string"),
        Broken("an integer as bytes", Wire.field(3, [1]), .wireType, "an_int32"),
        Broken("a bool as bytes", Wire.field(13, [1]), .wireType, "a_bool"),
        Broken("a message as fixed32", Wire.field(17, fixed32: 1), .wireType, "nested"),
        Broken("an element as fixed64", Wire.field(23, fixed64: 1), .wireType, "int32s[0]"),
        Broken("a lone continuation byte", Wire.field(14, [0x80]), .invalidUTF8, "a_string"),
        Broken("overlong UTF-8", Wire.field(14, [0xc0, 0xaf]), .invalidUTF8, "a_string"),
        Broken("a surrogate", Wire.field(14, [0xed, 0xa0, 0x80]), .invalidUTF8, "a_string"),
        Broken(
            "above U+10FFFF", Wire.field(14, [0xf4, 0x90, 0x80, 0x80]), .invalidUTF8, "a_string"),
        Broken(
            "cut UTF-8 after plain text",
            Wire.field(14, Array("0123456789abcdef".utf8) + [0xe2, 0x82]),
            .invalidUTF8, "a_string"),
        Broken("a NUL", Wire.field(14, "a\0b"), .embeddedNUL, "a_string"),
        Broken("a NUL in a long text", Wire.field(14, "0123456789\0"), .embeddedNUL, "a_string"),
        Broken("a NUL after an umlaut", Wire.field(14, "ü\0"), .embeddedNUL, "a_string"),
        Broken(
            "a broken third element",
            Wire.field(34, "a") + Wire.field(34, "b") + Wire.field(34, [0xff]),
            .invalidUTF8, "strings[2]"),
        Broken(
            "a broken field of a list's second message",
            Wire.field(37, []) + Wire.field(3, varint: 1)
                + Wire.field(37, Wire.field(4, []) + Wire.field(4, Wire.field(5, [0xff]))),
            .invalidUTF8, "nesteds[1].children[1].email"),
        Broken(
            "a broken map value", Wire.field(61, Wire.field(1, "k") + Wire.field(2, [0xff])),
            .invalidUTF8, "extra[\"k\"]"),
        Broken(
            "a broken map value before its key",
            Wire.field(61, Wire.field(2, [0xff]) + Wire.field(1, "k")),
            .invalidUTF8, "extra[\"k\"]"),
        Broken(
            "a broken map key", Wire.field(61, Wire.field(1, [0xff])), .invalidUTF8, "extra[0]"),
        Broken(
            "a message under a number",
            Wire.field(62, Wire.field(1, varint: 7) + Wire.field(2, [0xff])),
            .invalidUTF8, "by_int32[7]"),
        Broken(
            "a field of a map's message",
            Wire.field(69, Wire.field(1, "a\"b") + Wire.field(2, Wire.field(5, [0xff]))),
            .invalidUTF8, "nested_by_name[\"a\\\"b\"].email"),
        Broken("packed fixed32 of odd size", Wire.field(29, [1, 2, 3]), .truncated, "fixed32s[0]"),
        Broken("packed doubles of odd size", Wire.field(21, [1, 2, 3]), .truncated, "doubles[0]"),
        Broken(
            "a packed varint without its end", Wire.field(23, [1, 0x80]), .truncated, "int32s[0]"),
        Broken(
            "a packed varint of eleven bytes",
            Wire.field(23, [UInt8](repeating: 0x80, count: 10) + [1]), .malformed, "int32s[0]"),
        Broken("a packed boolean 2", Wire.field(33, [0, 1, 2]), .malformed, "bools[0]"),
        Broken(
            "half an unknown field", Wire.field(17, Wire.tag(900, 2) + [9]), .truncated, "nested"),
    ]

    @Test(arguments: broken)
    func `broken bytes are refused with the path of the field`(_ broken: Broken) {
        let error = scanError(broken.bytes)
        #expect(error?.code == broken.code)
        #expect(error?.path == broken.path)
    }

    @Test func `every valid shape passes`() throws {
        let valid: [[UInt8]] = [
            [],
            Wire.field(3, varint: UInt64.max),
            // An overlong but finite varint, a tag in two bytes, a length in five.
            Wire.tag(3, 0) + [0x81, 0x80, 0x80, 0x00],
            [0x98, 0x00, 0x01],
            Wire.tag(14, 2) + [0x81, 0x80, 0x80, 0x80, 0x00, 65],
            Wire.field(14, ""), Wire.field(14, "plain"), Wire.field(14, "grüße, 世界 🌍 und mehr"),
            Wire.field(15, [0, 0xff, 0x80]),
            // Packed and unpacked, both taken for both declarations.
            Wire.field(23, [1, 2, 3]) + Wire.field(23, varint: 4) + Wire.field(23, []),
            Wire.field(38, [1, 2, 3]) + Wire.field(38, varint: 4),
            Wire.field(33, [0, 1]) + Wire.field(29, [1, 2, 3, 4]) + Wire.field(30, fixed64: 8),
            Wire.field(36, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
            // Unknown fields of every layout.
            Wire.field(900, varint: 1) + Wire.field(901, fixed32: 1) + Wire.field(902, fixed64: 1)
                + Wire.field(903, [0xff, 0]) + Wire.field(536_870_910, varint: 1),
            Wire.field(1000, varint: 1) + Wire.field(536_870_911, varint: 1),
            Wire.field(61, []), Wire.field(61, Wire.field(2, "v")),
            Wire.field(51, varint: 1) + Wire.field(52, "last wins"),
        ]
        for bytes in valid { try WireScan.check(bytes, as: Fixture.everything) }
    }

    @Test func `bytes of every UTF-8 length pass at every offset`() throws {
        for character in ["a", "é", "€", "😀", "\u{7ff}", "\u{800}", "\u{ffff}", "\u{10ffff}"] {
            for before in 0..<17 {
                let text = String(repeating: "x", count: before) + character
                try WireScan.check(Wire.field(14, text), as: Fixture.everything)
                let cut = Array(text.utf8.dropLast()) + (character.utf8.count == 1 ? [0xff] : [])
                #expect(scanError(Wire.field(14, cut))?.code == .invalidUTF8)
            }
        }
    }

    @Test func `nesting ends at the limit, with the path`() {
        func nest(_ depth: Int) -> [UInt8] {
            (1..<depth).reduce(into: [UInt8]()) { bytes, _ in bytes = Wire.field(121, bytes) }
        }
        #expect(scanError(nest(100)) == nil)
        #expect(scanError(nest(101))?.code == .tooDeep)
        let shallow = DecodingLimits(maxDepth: 3)
        #expect(scanError(nest(3), shallow) == nil)
        #expect(scanError(nest(4), shallow)?.path == "self.self.self")
    }

    @Test func `a Struct nested 100,000 deep is an error, not a crash`() {
        // Struct → fields entry → Value → Struct …, lengths computed from the inside.
        var lengths: [Int] = []
        var size = 0
        for _ in 0..<100_000 {
            lengths.append(size)
            size += 1 + Wire.varint(UInt64(size)).count
        }
        var bytes: [UInt8] = []
        let tags: [UInt8] = [0x0a, 0x12, 0x2a]
        for (level, length) in lengths.reversed().enumerated() {
            bytes += [tags[level % 3]] + Wire.varint(UInt64(length))
        }
        #expect(scanError(bytes, as: Fixture.structure)?.code == .tooDeep)
    }

    @Test func `size, elements and memory have limits`() {
        let list = Wire.field(23, [UInt8](repeating: 1, count: 1000))
        #expect(scanError(list, DecodingLimits(maxBytes: list.count - 1))?.code == .tooLarge)
        #expect(scanError(list, DecodingLimits(maxElements: 1001)) == nil)
        #expect(scanError(list, DecodingLimits(maxElements: 1000))?.code == .tooLarge)
        #expect(scanError(list, DecodingLimits(maxArenaBytes: 4000))?.code == .tooLarge)
        // Two bytes of input each, hundreds of bytes of C struct each.
        let swarm = [UInt8]((0..<100_000).flatMap { _ in [UInt8(0x2a), 0] }.prefix(200_000))
        let lists = Wire.field(37, swarm.map { $0 == 0x2a ? 0x22 : 0 })
        #expect(scanError(lists, DecodingLimits(maxArenaBytes: 8 << 20))?.code == .tooLarge)
    }

    @Test func `a required field must be there, at every level`() {
        let named = Wire.field(1, "n")
        #expect(scanError(named, as: Fixture.legacy) == nil)
        #expect(scanError([], as: Fixture.legacy)?.code == .missingRequired)
        #expect(scanError([], as: Fixture.legacy)?.path == "name")
        let child = scanError(named + Wire.field(5, Wire.field(2, varint: 1)), as: Fixture.legacy)
        #expect(child?.path == "child.name")
    }

    @Test func `a known group is refused`() {
        let group = Wire.field(1, "n") + Wire.tag(6, 3) + Wire.tag(6, 4)
        #expect(scanError(group, as: Fixture.legacy) != nil)
    }

    @Test func `only a singular message that occurs twice needs merging`() throws {
        func needsMerge(_ bytes: [UInt8]) throws -> Bool {
            try WireScan.check(bytes, as: Fixture.everything).needsMerge
        }
        #expect(try needsMerge(Wire.field(17, []) + Wire.field(17, [])))
        #expect(try needsMerge(Wire.field(17, Wire.field(3, []) + Wire.field(3, []))))
        #expect(try !needsMerge(Wire.field(17, []) + Wire.field(81, []) + Wire.field(37, [])))
        #expect(try !needsMerge(Wire.field(37, []) + Wire.field(37, [])))
        #expect(try !needsMerge(Wire.field(14, "a") + Wire.field(14, "b")))
    }

    @Test func `the summary counts fields and elements`() throws {
        let bytes = Wire.field(3, varint: 1) + Wire.field(23, [1, 2, 3]) + Wire.field(17, [])
        let summary = try WireScan.check(bytes, as: Fixture.everything)
        #expect(summary.elements == 6)
        #expect(summary.arenaBytes > 0)
    }
}
