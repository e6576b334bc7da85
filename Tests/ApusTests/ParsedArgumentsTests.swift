import Testing

@testable import apus

@Suite struct ParsedArgumentsTests {
    private let syntax = CommandSyntax(
        "try", summary: "", operands: "[NAME]", operandCount: 0...1,
        flags: [
            .value("data-dir", "PATH", ""), .value("wait", "DURATION", ""), .toggle("json", ""),
            .list("type", "PATTERN", ""), .value("count", "COUNT", ""),
        ])

    private func parse(
        _ words: String..., environment: [String: String] = [:]
    ) throws(UsageError) -> ParsedArguments {
        try ParsedArguments(words, syntax: syntax, environment: environment)
    }

    @Test func `a value follows its flag, or an equals sign`() throws {
        #expect(try parse("--data-dir", "/a").string("data-dir") == "/a")
        #expect(try parse("--data-dir=/a=b").string("data-dir") == "/a=b")
    }

    @Test func `the environment stands in for a flag that is missing`() throws {
        let environment = ["APUS_DATA_DIR": "/env", "APUS_JSON": "true", "APUS_TYPE": "a.b,c.d"]
        let parsed = try parse(environment: environment)
        #expect(parsed.string("data-dir") == "/env")
        #expect(parsed.isSet("json"))
        #expect(parsed.list("type") == ["a.b", "c.d"])
        #expect(
            try parse("--data-dir", "/arg", environment: environment).string("data-dir") == "/arg")
        #expect(try !parse(environment: ["APUS_JSON": "false"]).isSet("json"))
    }

    @Test func `what is on the command line is known from what stands in`() throws {
        let parsed = try parse("--json", environment: ["APUS_DATA_DIR": "/env", "APUS_HELP": "1"])
        #expect(parsed.isGiven("json") && !parsed.isGiven("data-dir"))
        #expect(parsed.string("data-dir") == "/env")
        #expect(!parsed.isSet("help"))
        #expect(try parse("--help").isSet("help"))
    }

    @Test(arguments: [
        ["--nope"], ["--data-dir"], ["--json=1"], ["-j"], ["a", "b"],
        ["--data-dir", "/a", "--data-dir", "/b"],
    ])
    func `a wrong call is refused`(_ words: [String]) {
        #expect(throws: UsageError.self) {
            try ParsedArguments(words, syntax: syntax, environment: [:])
        }
    }

    @Test func `what follows two dashes is no flag`() throws {
        #expect(try parse("--", "--json").operands == ["--json"])
    }

    @Test(arguments: [
        ("250ms", Duration.milliseconds(250)), ("15s", .seconds(15)), ("2m", .seconds(120)),
        ("1.5h", .seconds(5400)), ("30d", .seconds(2_592_000)), ("3", .seconds(3)),
    ])
    func `a duration has a unit`(_ text: String, _ expected: Duration) throws {
        #expect(try parse("--wait", text).duration("wait") == expected)
    }

    @Test(arguments: ["", "ms", "1x", "-1s", "1e99h"])
    func `what is no duration is refused`(_ text: String) throws {
        let parsed = try parse("--wait", text)
        #expect(throws: UsageError.self) { try parsed.duration("wait") }
    }

    @Test(arguments: [
        ("1048576", 1_048_576), ("500MB", 500_000_000), ("50GiB", 53_687_091_200),
        ("1.5KiB", 1_536), ("2kB", 2_000), ("7B", 7),
    ])
    func `a number of bytes may have a unit`(_ text: String, _ expected: Int64) throws {
        #expect(try parse("--count", text).bytes("count", in: 1...(1 << 40)) == expected)
    }

    @Test(arguments: ["", "GiB", "1gib", "-1MB", "1e3", "9999999TiB", "5 MB"])
    func `what is no number of bytes is refused`(_ text: String) throws {
        let parsed = try parse("--count", text)
        #expect(throws: UsageError.self) { try parsed.bytes("count", in: 1...(1 << 40)) }
    }

    @Test func `a number stays within its range`() throws {
        #expect(try parse("--count", "7").integer("count", in: 1...9) == 7)
        let parsed = try parse("--count", "10")
        #expect(throws: UsageError.self) { try parsed.integer("count", in: 1...9) }
    }
}
