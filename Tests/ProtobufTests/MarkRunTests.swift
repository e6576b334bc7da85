import Protobuf
import Testing

/// Combining marks in a row: `String` compares a run of n in n² steps.
@Suite struct MarkRunTests {
    private static let marks = [
        "\u{301}", "\u{316}", "\u{344}", "\u{5b0}", "\u{94d}", "\u{302a}", "\u{1d165}",
    ]

    private func string(_ text: String) -> DecodingError? { scanError(Wire.field(14, text)) }

    @Test(arguments: marks) func `64 in a row pass, and one more is refused`(_ mark: String) {
        let run = String(repeating: mark, count: 64)
        let ideographs = String(repeating: "字", count: 200)
        for before in ["", "a", "né", "世界", ideographs, ideographs + "x", "x\(run)字"] {
            for after in ["", "b", "界", "字\(run)"] {
                #expect(string(before + run + after) == nil)
                let error = string(before + run + mark + after)
                #expect(error?.code == .markRun)
                #expect(error?.path == "a_string")
            }
        }
    }

    @Test func `they are refused in keys and lists, and are none in bytes`() {
        let run = Array(
            (String(repeating: "\u{301}", count: 500) + String(repeating: "\u{316}", count: 500))
                .utf8)
        let key = scanError(Wire.field(61, Wire.field(1, [0x6b] + run)))
        #expect(key?.code == .markRun)
        #expect(key?.path.hasPrefix("extra[") == true)
        let element = scanError(Wire.field(34, "a") + Wire.field(34, run))
        #expect(element?.path == "strings[1]")
        #expect(scanError(Wire.field(34, run + [0xff]))?.code == .invalidUTF8)
        #expect(scanError(Wire.field(15, run)) == nil)
    }

    @Test func `long texts in scripts with many marks pass`() {
        let texts = [
            "क्षत्रियों", "Vie\u{302}\u{323}t", "שָׁלוֹם", "ก็ปิ่น", "\u{1112}\u{1161}\u{11ab}", "བསྒྲུབས",
            "السَّلَامُ", "Z\u{351}\u{36b}\u{343}\u{36a}\u{302}\u{34f}\u{33d}", "👩🏽‍🚀",
        ]
        for text in texts {
            #expect(string(String(repeating: text, count: 500)) == nil, "\(text)")
        }
    }

    private func json(_ text: String) -> JSONError? {
        do throws(JSONError) {
            _ = try ProtobufJSON.decode(text, as: Fixture.everything, pool: Fixture.pool)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: ["\u{301}", #"\u0301"#, #"\ud834\udd65"#])
    func `JSON has the same limit, escaped or not`(_ mark: String) {
        let safe = String(repeating: mark, count: 64)
        #expect(json(#"{"aString":"e\#(safe)\n\#(safe)","strings":["\#(safe)"]}"#) == nil)
        let run = safe + mark
        for (text, path) in [
            (#"{"aString":"e\#(run)"}"#, "a_string"),
            (#"{"strings":["","\#(run)"]}"#, "strings[1]"),
            (#"{"extra":{"\#(run)":"v"}}"#, "extra"),
            (#"{"structure":{"a\#(run)":1}}"#, "structure"),
            (#"{"structure":{"a":"\#(run)"}}"#, "structure.a"),
            (#"{"color":"\#(run)"}"#, "color"),
            (#"{"\#(run)":1}"#, ""),
            (#"{"\u0000\#(run)":1}"#, ""),
        ] {
            let error = json(text)
            #expect(error?.code == .invalidValue)
            #expect(error?.path == path)
            #expect(error?.location != nil)
        }
    }
}
