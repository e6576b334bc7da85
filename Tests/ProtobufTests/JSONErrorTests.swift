import Protobuf
import Testing

@Suite struct JSONErrorTests {
    private func error(
        _ text: String, as type: MessageDescriptor = Fixture.everything,
        _ options: ProtobufJSON.ParseOptions = .default
    ) -> JSONError? {
        do throws(JSONError) {
            _ = try ProtobufJSON.decode(text, as: type, pool: Fixture.pool, options: options)
            return nil
        } catch {
            return error
        }
    }

    struct Refused: Sendable, CustomTestStringConvertible {
        let text: String
        let code: JSONError.Code
        let path: String
        var testDescription: String { text }

        init(_ text: String, _ code: JSONError.Code, _ path: String) {
            (self.text, self.code, self.path) = (text, code, path)
        }
    }

    static let refused: [Refused] = [
        Refused("{", .syntax, ""),
        Refused(#"{"anInt32":1.5}"#, .invalidValue, "an_int32"),
        Refused(#"{"an_int32":1,"anInt32":2}"#, .duplicate, "an_int32"),
        Refused(#"{"nested":{"child":{"number":"x"}}}"#, .invalidValue, "nested.child.number"),
        Refused(#"{"nested":{"nothing":1}}"#, .unknownField, "nested.nothing"),
        Refused(#"{"nested":{"no such":1}}"#, .unknownField, #"nested."no such""#),
        Refused(#"{"nesteds":[{},{"number":{}}]}"#, .invalidValue, "nesteds[1].number"),
        Refused(#"{"int32s":[1,2,"x"]}"#, .invalidValue, "int32s[2]"),
        Refused(#"{"extra":{"k":1}}"#, .invalidValue, #"extra["k"]"#),
        Refused(#"{"extra":{"k":"","k":""}}"#, .duplicate, #"extra["k"]"#),
        Refused(
            #"{"nestedByName":{"k":{"email":1}}}"#, .invalidValue, #"nested_by_name["k"].email"#),
        Refused(#"{"chosenInt32":1,"chosenString":""}"#, .duplicate, "chosen_string"),
        Refused(#"{"color":"PINK"}"#, .invalidValue, "color"),
        Refused(#"{"timestamp":"yesterday"}"#, .invalidValue, "timestamp"),
        Refused(#"{"structure":{"a":[1,{"b":nope}]}}"#, .syntax, "structure.a[1].b"),
        Refused(#"{"structure":{"a":1,"a":2}}"#, .duplicate, "structure.a"),
        Refused(#"{"aString":"a\u0000b"}"#, .invalidValue, "a_string"),
        Refused(#"{"structure":{"a\u0000b":1}}"#, .invalidValue, "structure"),
        Refused(#"{"aString":"\ud800"}"#, .syntax, "a_string"),
        Refused(#"{"any":{"@type":"x/no.Body"}}"#, .unknownType, "any.@type"),
        Refused(#"{"any":{"x":1}}"#, .invalidValue, "any"),
        Refused(
            #"{"any":{"@type":"x/google.protobuf.Duration","value":1}}"#, .invalidValue, "any.value"
        ),
        Refused(#"{"aString":"x"}}"#, .syntax, ""),
    ]

    @Test(arguments: refused) func `an error says what and where`(_ refused: Refused) {
        let found = error(refused.text)
        #expect(found?.code == refused.code)
        #expect(found?.path == refused.path)
        #expect(found?.location != nil)
    }

    @Test func `an error has line and column`() {
        let found = error("{\n  \"aBool\": true,\n  \"anInt32\": x\n}")
        #expect(found?.location?.line == 3)
        #expect(found?.location?.column == 14)
    }

    @Test func `invalid UTF-8 is an error at its place`() {
        let text = Array(#"{"aString":"ab"#.utf8) + [0xff] + Array(#""}"#.utf8)
        do throws(JSONError) {
            _ = try ProtobufJSON.decode(utf8: text, as: Fixture.everything, pool: Fixture.pool)
            Issue.record("it was accepted")
        } catch {
            #expect(error.code == .syntax)
            #expect(error.location?.column == 15)
        }
    }

    @Test func `unknown fields and enum names can be ignored`() throws {
        var options = ProtobufJSON.ParseOptions()
        options.ignoreUnknown = true
        let text = """
            {"nothing":[{"a":null}],"color":"PINK","colors":["PINK","COLOR_RED"],
             "colorByName":{"a":"PINK","b":"COLOR_RED"},"aBool":true}
            """
        let bytes = try ProtobufJSON.decode(
            text, as: Fixture.everything, pool: Fixture.pool, options: options)
        let entry = Wire.field(1, "b") + Wire.field(2, varint: 1)
        #expect(bytes == Wire.field(36, [1]) + Wire.field(70, entry) + Wire.field(13, varint: 1))
    }

    @Test func `nesting is bounded, in text as in bytes`() {
        func nest(_ open: String, _ close: String, _ depth: Int) -> String {
            String(repeating: open, count: depth) + "{}" + String(repeating: close, count: depth)
        }
        #expect(error(nest(#"{"self":"#, "}", 99)) == nil)
        #expect(error(nest(#"{"self":"#, "}", 100))?.code == .tooDeep)
        // Each level of a Struct is three messages.
        let structure = Fixture.structure
        #expect(error(nest(#"{"a":"#, "}", 33), as: structure) == nil)
        #expect(error(nest(#"{"a":"#, "}", 34), as: structure)?.code == .tooDeep)
        #expect(error(nest(#"{"a":["#, "]}", 100_000), as: structure)?.code == .tooDeep)
        #expect(error(nest("[", "]", 100_000), as: structure) != nil)
        var ignoring = ProtobufJSON.ParseOptions()
        ignoring.ignoreUnknown = true
        let hidden = #"{"x":"# + nest("[", "]", 100_000) + "}"
        #expect(error(hidden, as: structure, ignoring)?.code == .tooDeep)
        #expect(error(hidden, ignoring)?.code == .tooDeep)
        let any = #"{"@type":"x/google.protobuf.Any","value":"#
        #expect(
            error(#"{"any":"# + nest(any, "}", 200) + "}", as: Fixture.everything)?.code == .tooDeep
        )
    }

    @Test func `size and elements are bounded`() {
        var options = ProtobufJSON.ParseOptions()
        options.limits = DecodingLimits(maxBytes: 20, maxElements: 3)
        #expect(error(#"{"int32s":[1]}"#, Fixture.everything, options) == nil)
        #expect(error(#"{"int32s":[1,2,3]}"#, Fixture.everything, options)?.code == .tooLarge)
        let long = #"{"aString":"0123456789"}"#
        #expect(error(long, Fixture.everything, options)?.code == .tooLarge)
        let digits = String(repeating: "1", count: 2000)
        #expect(error(#"{"aDouble":\#(digits)}"#)?.code == .syntax)
    }

    private func error(
        _ text: String, _ type: MessageDescriptor, _ options: ProtobufJSON.ParseOptions
    ) -> JSONError? { error(text, as: type, options) }

    struct Unprintable: Sendable {
        let bytes: [UInt8]
        let code: JSONError.Code
        let path: String
    }

    static let unprintable: [Unprintable] = [
        Unprintable(bytes: [0x80], code: .invalidMessage, path: ""),
        Unprintable(
            bytes: Wire.field(17, Wire.field(1, [0xff])), code: .invalidMessage, path: "nested.name"
        ),
        Unprintable(
            bytes: Wire.field(81, Wire.field(2, varint: 1_000_000_000)), code: .invalidValue,
            path: "timestamp"),
        Unprintable(
            bytes: Wire.field(90, []) + Wire.field(90, Wire.field(1, varint: 1 << 62)),
            code: .invalidValue, path: "timestamps[1]"),
        Unprintable(
            bytes: Wire.field(82, Wire.field(1, varint: 1) + Wire.field(2, varint: UInt64.max)),
            code: .invalidValue, path: "duration"),
        Unprintable(
            bytes: Wire.field(83, Wire.field(1, "fooBar")), code: .invalidValue,
            path: "field_mask.paths[0]"),
        Unprintable(
            bytes: Wire.field(85, Wire.field(2, fixed64: Double.nan.bitPattern)),
            code: .invalidValue, path: "value.number_value"),
        Unprintable(
            bytes: Wire.field(87, Wire.field(1, "x/no.Body")), code: .unknownType,
            path: "any.type_url"),
        Unprintable(
            bytes: Wire.field(
                87, Wire.field(1, "x/apus.test.v1.Everything") + Wire.field(2, [0x80])),
            code: .invalidMessage, path: "any"),
    ]

    @Test(arguments: unprintable) func `what JSON cannot say is an error`(_ bad: Unprintable) {
        do throws(JSONError) {
            _ = try ProtobufJSON.encode(bad.bytes, as: Fixture.everything, pool: Fixture.pool)
            Issue.record("it was printed")
        } catch {
            #expect(error.code == bad.code)
            #expect(error.path == bad.path)
        }
    }
}
