import Protobuf
import TestSupport
import Testing

/// What protoc encodes decodes to the value that is meant, and is encoded to the same bytes.
@Suite struct RoundTripTests {
    private static let protoc = Protoc(
        roots: ["\(TestFile.packageRoot(above: #filePath))/Tests/CodegenTests/Protos"],
        files: ["golden/v1/shapes.proto", "golden/v1/values.proto"])

    private func check<Value: Message>(_ value: Value, _ text: String) async throws {
        let name = Value.descriptor.fullName
        let bytes = try await Self.protoc.encode(text, as: name)
        #expect(try Value(decoding: bytes) == value)
        #expect(value.encoded() == bytes)
    }

    @Test func `every scalar crosses the border`() async throws {
        try await check(
            GoldenV1.Scalars(
                doubleValue: -1.5, floatValue: 0.25, int32Value: .min, int64Value: .min,
                uint32Value: .max, uint64Value: .max, sint32Value: .min, sint64Value: .min,
                fixed32Value: .max, fixed64Value: .max, sfixed32Value: .min, sfixed64Value: .min,
                boolValue: true, stringValue: "grüß 🦜", bytesValue: [0, 255, 0],
                colour: .azure),
            """
            double_value: -1.5 float_value: 0.25 int32_value: -2147483648
            int64_value: -9223372036854775808 uint32_value: 4294967295
            uint64_value: 18446744073709551615 sint32_value: -2147483648
            sint64_value: -9223372036854775808 fixed32_value: 4294967295
            fixed64_value: 18446744073709551615 sfixed32_value: -2147483648
            sfixed64_value: -9223372036854775808 bool_value: true string_value: "grüß 🦜"
            bytes_value: "\\000\\377\\000" colour: COLOUR_BLUE
            """)
    }

    @Test func `a scalar that holds its default takes no bytes`() async throws {
        try await check(GoldenV1.Scalars(), "")
        #expect(GoldenV1.Scalars().encoded() == [])
    }

    @Test func `an optional field that holds its default is set all the same`() async throws {
        try await check(
            GoldenV1.Optionals(
                number: 0, flag: false, text: "", data: [], colour: .unspecified,
                message: GoldenV1.Scalars(), plainMessage: GoldenV1.Scalars()),
            """
            number: 0 flag: false text: "" data: "" colour: COLOUR_UNSPECIFIED message {}
            plain_message {}
            """)
        try await check(GoldenV1.Optionals(), "")
    }

    @Test func `lists keep their order and their empty elements`() async throws {
        try await check(
            GoldenV1.Lists(
                doubles: [1, -2], numbers: [-1, 0, 1], flags: [true, false], texts: ["", "a"],
                datas: [[], [1]], colours: [.noneAtAll, .unrecognized(7), .large],
                labels: [GoldenCommonV1.Label(), GoldenCommonV1.Label(text: "l")],
                unpacked: [1, 0]),
            """
            doubles: [1, -2] numbers: [-1, 0, 1] flags: [true, false] texts: ["", "a"]
            datas: ["", "\\001"] colours: [COLOUR_NONE_AT_ALL, 7, COLOUR_LARGE]
            labels: [{}, { text: "l" }] unpacked: [1, 0]
            """)
    }

    @Test func `maps are written in the order of their keys`() async throws {
        try await check(
            GoldenV1.Maps(
                texts: ["b": "2", "a": "1"],
                labels: [-1: GoldenCommonV1.Label(text: "l"), 5: GoldenCommonV1.Label()],
                datas: [true: [1]], doubles: [9: 0.5], colours: [-3: .azure]),
            """
            texts { key: "a" value: "1" } texts { key: "b" value: "2" }
            labels { key: -1 value { text: "l" } } labels { key: 5 value {} }
            datas { key: true value: "\\001" }
            doubles { key: 9 value: 0.5 } colours { key: -3 value: COLOUR_BLUE }
            """)
    }

    @Test func `a map entry of defaults is there, though protobuf-c leaves out what it holds`()
        async throws
    {
        let maps = GoldenV1.Maps(texts: ["": ""], labels: [0: .init()], datas: [false: []])
        let text = try await Self.protoc.decode(maps.encoded(), as: "golden.v1.Maps")
        #expect(
            text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
                == "texts { key: \"\" value: \"\" } labels { key: 0 value { } } "
                + "datas { key: false value: \"\" }")
        #expect(try GoldenV1.Maps(decoding: maps.encoded()) == maps)
    }

    @Test(arguments: [
        (GoldenV1.Choice(value: .number(0)), "number: 0"),
        (GoldenV1.Choice(value: .text("")), "text: ''"),
        (GoldenV1.Choice(value: .data([])), "data: ''"),
        (GoldenV1.Choice(value: .colour(.noneAtAll)), "colour: COLOUR_NONE_AT_ALL"),
        (GoldenV1.Choice(value: .flag(false)), "flag: false"),
        (GoldenV1.Choice(value: .label(GoldenCommonV1.Label())), "label {}"),
        (
            GoldenV1.Choice(before: "b", value: .text("t"), otherChoice: .right(1)),
            "before: 'b' text: 't' right: 1"
        ),
    ])
    func `a oneof holds the member that was set`(
        choice: GoldenV1.Choice, text: String
    ) async throws {
        try await check(choice, text)
    }

    @Test func `a message may contain itself`() async throws {
        let leaf = GoldenV1.Tree(name: "leaf")
        let tree = GoldenV1.Tree(
            name: "root", left: GoldenV1.Tree(left: leaf), right: leaf, children: [leaf, leaf],
            named: ["n": leaf],
            link: .through(GoldenV1.Branch(tree: leaf, leaf: GoldenV1.Leaf())))
        try await check(
            tree,
            """
            name: "root" left { left { name: "leaf" } } right { name: "leaf" }
            children { name: "leaf" } children { name: "leaf" }
            named { key: "n" value { name: "leaf" } } through { tree { name: "leaf" } leaf {} }
            """)
    }

    @Test func `names that are taken elsewhere work`() async throws {
        try await check(
            GoldenV1.Names(
                class: "a", default: 1, register: ["r"], protocol: false, self_: "s", init_: "i",
                encoded_: [1], unknownFields_: "u", c: "c", value: "v", arena: "a", camelCase: 2,
                snakeCase2: 3, any: GoldenV1.AnyMessage(type: true), inner: .in("x")),
            """
            class: "a" default: 1 register: "r" protocol: false self: "s" init: "i"
            encoded: "\\001" unknown_fields: "u" c: "c" value: "v" arena: "a" camelCase: 2
            snake_case_2: 3 any { type: true } in: "x"
            """)
        try await check(GoldenV1.HTTPReply_2(statusCode: 200), "status_code: 200")
    }

    @Test func `nested types are found in their messages`() async throws {
        try await check(
            GoldenV1.Outer(
                inner: GoldenV1.Outer.Inner(kind: .odd, innermost: .init(text: "t")), kind: .odd,
                innermosts: [.init(), .init(text: "u")]),
            """
            inner { kind: KIND_ODD innermost { text: "t" } } kind: KIND_ODD
            innermosts {} innermosts { text: "u" }
            """)
    }
}
