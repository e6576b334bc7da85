import Protobuf
import Testing

@Suite struct DecodingTests {
    @Test func `unknown fields survive at every level, in their order`() throws {
        // Fields 100 (varint), 101 (bytes) and 102 (fixed32), which no message here has.
        let unknown: [UInt8] = [
            0xa0, 0x06, 0x05, 0xaa, 0x06, 0x02, 0x68, 0x69, 0xb5, 0x06, 1, 2, 3, 4,
        ]
        var label = GoldenCommonV1.Label(text: "t")
        label.unknownFields = unknown
        var lists = GoldenV1.Lists(labels: [label])
        lists.unknownFields = unknown
        let bytes = lists.encoded()
        #expect(bytes.suffix(unknown.count) == unknown[...])
        let decoded = try GoldenV1.Lists(decoding: bytes)
        #expect(decoded == lists)
        #expect(decoded.labels.first?.unknownFields == unknown)
        #expect(decoded.encoded() == bytes)
    }

    @Test func `the last of several members of a oneof counts`() throws {
        let first = GoldenV1.Choice(value: .text("a")).encoded()
        let second = GoldenV1.Choice(value: .number(3)).encoded()
        #expect(try GoldenV1.Choice(decoding: first + second).value == .number(3))
        #expect(try GoldenV1.Choice(decoding: second + first).value == .text("a"))
    }

    @Test func `a message field that comes twice is merged`() throws {
        let first = GoldenV1.Tree(left: GoldenV1.Tree(name: "a", children: [.init(name: "1")]))
        let second = GoldenV1.Tree(left: GoldenV1.Tree(name: "b", children: [.init(name: "2")]))
        let merged = try GoldenV1.Tree(decoding: first.encoded() + second.encoded())
        #expect(merged.left?.name == "b")
        #expect(merged.left?.children.map(\.name) == ["1", "2"])
    }

    @Test func `the last of several entries of a map key counts`() throws {
        let bytes =
            GoldenV1.Maps(texts: ["k": "1"]).encoded()
            + GoldenV1.Maps(texts: ["k": "2"]).encoded()
        #expect(try GoldenV1.Maps(decoding: bytes).texts == ["k": "2"])
    }

    @Test func `a NUL in a string is replaced, not the end of it`() throws {
        let label = GoldenCommonV1.Label(text: "a\0b\0")
        let decoded = try GoldenCommonV1.Label(decoding: label.encoded())
        #expect(decoded.text == "a\u{FFFD}b\u{FFFD}")
    }

    @Test func `100,000 levels are an error with a path`() throws {
        // Each level is a tag and a length around the level below, written back to front.
        var reversed: [UInt8] = []
        for _ in 0..<100_000 {
            var length = reversed.count
            var varint: [UInt8] = []
            repeat {
                varint.append(UInt8(length & 0x7f) | (length > 0x7f ? 0x80 : 0))
                length >>= 7
            } while length > 0
            reversed += varint.reversed()
            reversed.append(0x12)
        }
        let bytes = Array(reversed.reversed())
        let error = #expect(throws: DecodingError.self) { try GoldenV1.Tree(decoding: bytes) }
        #expect(error?.code == .tooDeep)
        #expect(error?.path.hasPrefix("left.left") == true)
    }

    @Test func `100 levels decode, 101 do not`() throws {
        func tree(_ levels: Int) -> GoldenV1.Tree {
            levels == 1 ? GoldenV1.Tree(name: "x") : GoldenV1.Tree(left: tree(levels - 1))
        }
        #expect(try GoldenV1.Tree(decoding: tree(100).encoded()) == tree(100))
        #expect(throws: DecodingError.self) { try GoldenV1.Tree(decoding: tree(101).encoded()) }
    }

    @Test func `a message beyond the memory allowed is an error`() throws {
        let bytes = GoldenV1.Lists(texts: Array(repeating: "", count: 50_000)).encoded()
        #expect(try GoldenV1.Lists(decoding: bytes).texts.count == 50_000)
        let limits = DecodingLimits(maxArenaBytes: 1 << 20)
        let error = #expect(throws: DecodingError.self) {
            try GoldenV1.Lists(decoding: bytes, limits: limits)
        }
        #expect(error?.code == .tooLarge)
    }

    @Test func `the same value gives the same bytes`() {
        let keys = (0..<200).map { "key-\($0)" }
        let forwards = GoldenV1.Maps(texts: Dictionary(uniqueKeysWithValues: keys.map { ($0, $0) }))
        var backwards = GoldenV1.Maps()
        for key in keys.reversed() { backwards.texts[key] = key }
        #expect(forwards == backwards)
        #expect(forwards.encoded() == backwards.encoded())
    }
}
