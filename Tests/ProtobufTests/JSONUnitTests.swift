import TestSupport
import Testing

@testable import Protobuf

@Suite struct JSONUnitTests {
    @Test func `integers are exact, however they are written`() {
        func integer(_ text: String) -> Int64? {
            JSONNumber.integer(Array(text.utf8)[...], as: Int64.self)
        }
        #expect(integer("9223372036854775807") == .max)
        #expect(integer("-9223372036854775808") == .min)
        #expect(integer("9223372036854775808") == nil)
        #expect(integer("9007199254740993") == 9_007_199_254_740_993)
        #expect(integer("9.007199254740993e15") == 9_007_199_254_740_993)
        #expect(integer("1000e-3") == 1)
        #expect(integer("1e-1") == nil)
        #expect(integer("0e999999999999") == 0)
        #expect(integer("1e999999999999") == nil)
        #expect(integer("10e-999999999999") == nil)
        #expect(integer("-0") == 0)
    }

    @Test func `doubles are printed as short as they read back`() {
        func printed(_ value: Double) -> String {
            var text = JSONText(pretty: false)
            text.number(value)
            return String(decoding: text.bytes, as: UTF8.self)
        }
        #expect(printed(0.1) == "0.1")
        #expect(printed(1) == "1")
        #expect(printed(-0.0) == "-0.0")
        #expect(printed(1e21) == "1e+21")
        #expect(printed(.leastNonzeroMagnitude) == "5e-324")
        #expect(printed(.nan) == "\"NaN\"")
        #expect(printed(-.infinity) == "\"-Infinity\"")
        var random = SeededGenerator(seed: 7)
        for _ in 0..<1_000 {
            let value = Double(bitPattern: UInt64.random(in: 0...UInt64.max, using: &random))
            if value.isFinite { #expect(Double(printed(value)) == value) }
        }
    }

    @Test func `base64 goes both ways at every length`() {
        var random = SeededGenerator(seed: 8)
        for count in 0..<40 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            var text: [UInt8] = []
            Base64.encode(bytes[...], into: &text)
            #expect(text.count % 4 == 0)
            #expect(Base64.decode(text[...]) == bytes)
            let bare = text.filter { $0 != UInt8(ascii: "=") }
            #expect(Base64.decode(bare[...]) == bytes)
            let url = bare.map { $0 == 43 ? 45 : $0 == 47 ? 95 : $0 }
            #expect(Base64.decode(url[...]) == bytes)
        }
        for bad in ["A", "A===", "AA=", "A A", "AA==A", "====", "ä"] {
            #expect(Base64.decode(Array(bad.utf8)[...]) == nil, "\(bad)")
        }
    }

    @Test func `every day of ten thousand years goes both ways`() {
        var seconds = TimeText.timestampSeconds.lowerBound
        while seconds <= TimeText.timestampSeconds.upperBound {
            let text = TimeText.timestamp(seconds: seconds, nanos: 0)
            let parsed = text.flatMap { TimeText.parseTimestamp(Array($0.utf8)[...]) }
            if parsed?.seconds != seconds { Issue.record("\(seconds): \(text ?? "nil")") }
            seconds += 86_400 * 17 + 4_271
        }
        #expect(
            TimeText.timestamp(seconds: 951_782_400, nanos: 10_000) == "2000-02-29T00:00:00.000010Z"
        )
    }

    @Test func `JSON names drop underscores as protoc does`() {
        #expect(DescriptorBuilder.jsonName(of: "foo_bar") == "fooBar")
        #expect(DescriptorBuilder.jsonName(of: "_foo__bar_") == "FooBar")
        #expect(DescriptorBuilder.jsonName(of: "foo_1a") == "foo1a")
        #expect(DescriptorBuilder.jsonName(of: "FOO_Bar") == "FOOBar")
    }
}
