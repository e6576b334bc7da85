import Foundation
import Protobuf
import Testing

/// Both ways against what Python's protobuf says: `Fixtures/expectations.py` wrote the cases.
@Suite struct JSONExpectationTests {
    struct Parse: Sendable, CustomTestStringConvertible {
        let text: String
        let wire: [UInt8]?
        var testDescription: String { text }
    }

    struct Print: Sendable {
        let wire: [UInt8]
        /// The expected JSON, in Foundation's spelling.
        let json: String
    }

    static let (parses, prints): ([Parse], [Print]) = {
        var parses: [Parse] = []
        var prints: [Print] = []
        for line in Fixture.bytes("Fixtures/expectations.jsonl").split(separator: 10) {
            let object = (try? JSONSerialization.jsonObject(with: Data(line))) as? [String: Any]
            let wire = (object?["wire"] as? String).flatMap { Data(base64Encoded: $0) }
            if let text = object?["parse"] as? String {
                parses.append(Parse(text: text, wire: wire.map { Array($0) }))
            } else if let json = object?["print"], let wire {
                prints.append(Print(wire: Array(wire), json: normalized(json) ?? ""))
            }
        }
        return (parses, prints)
    }()

    /// Keys sorted, numbers in one spelling.
    private static func normalized(_ json: Any) -> String? {
        (try? JSONSerialization.data(withJSONObject: json, options: [.sortedKeys]))
            .map { String(decoding: $0, as: UTF8.self) }
    }

    private static func normalized(text: String) -> String? {
        (try? JSONSerialization.jsonObject(with: Data(text.utf8))).flatMap { normalized($0) }
    }

    /// Where we differ from Python on purpose.
    private static let exceptions: [String: String] = [
        "[]": "an array is no message",
        #"{"nested":[]}"#: "an array is no message",
        #"{"aDouble":"inf"}"#: "not one of the three names",
        #"{"aFloat":"inf"}"#: "not one of the three names",
        #"{"aDouble":"+Infinity"}"#: "not one of the three names",
        #"{"aFloat":"+Infinity"}"#: "not one of the three names",
        #"{"aDouble":" 1"}"#: "white space in a number",
        #"{"aFloat":" 1"}"#: "white space in a number",
        #"{"aDouble":true}"#: "a boolean is no number",
        #"{"aFloat":true}"#: "a boolean is no number",
        #"{"aFloat":3.4028235e38}"#: "rounds to the largest float, as C++ has it",
        #"{"color":1.5}"#: "a fraction is no enum",
        #"{"color":true}"#: "a boolean is no enum",
        #"{"aString":"a","a_string":"b"}"#: "one field under two names is there twice",
        #"{"timestamp":"2023-12-01T12:00:00.Z"}"#: "a point without digits",
        #"{"duration":"1.0000000001s"}"#: "finer than a nanosecond",
        #"{"duration":"1.s"}"#: "a point without digits",
        #"{"duration":" 1s"}"#: "white space in a number",
        #"{"value":1e400}"#: "out of range",
        #"{"values":null}"#: "null is an absent list",
        #"{"any":{"@type":"apus.test.v1.Everything.Nested"}}"#: "a type URL has a slash",
    ]

    @Test func `there are cases of both kinds`() {
        #expect(Self.parses.count > 600)
        #expect(Self.prints.count == 150)
    }

    @Test(arguments: parses) func `parses, or refuses, what Python does`(_ expected: Parse) {
        let bytes = try? ProtobufJSON.decode(
            expected.text, as: Fixture.everything, pool: Fixture.pool)
        if let reason = Self.exceptions[expected.text] {
            #expect(bytes != expected.wire, "no exception any more: \(reason)")
        } else {
            #expect(bytes == expected.wire)
        }
    }

    @Test(arguments: prints) func `prints what Python prints`(_ expected: Print) throws {
        let text = try ProtobufJSON.encode(
            expected.wire, as: Fixture.everything, pool: Fixture.pool)
        #expect(Self.normalized(text: text) == expected.json)
        let pretty = try ProtobufJSON.encode(
            expected.wire, as: Fixture.everything, pool: Fixture.pool, options: .pretty)
        #expect(Self.normalized(text: pretty) == expected.json)
        let bytes = try ProtobufJSON.decode(text, as: Fixture.everything, pool: Fixture.pool)
        #expect(bytes == expected.wire)
    }
}
