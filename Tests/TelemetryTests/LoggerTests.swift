import Telemetry
import TestSupport
import Testing

@Suite struct LoggerTests {
    private struct Fixed: WallClock {
        func now() -> UnixTime { UnixTime(seconds: 0) }
    }

    private func record(
        _ fields: [LogKey: LogValue], label: String = "test"
    ) -> LogRecord {
        LogRecord(
            time: UnixTime(seconds: 0), level: .info, label: label, message: "It \"happened\"",
            fields: fields)
    }

    @Test func `a record is one line of names and values, in the order of the names`() {
        let line = LogFormat.text.line(
            for: record([.tenant: "acme", .position: 7, .delay: 0.5, .state: true]))
        #expect(
            line == """
                time=1970-01-01T00:00:00.000000Z level=info label=test \
                message="It \\"happened\\"" delay=0.5 log.position=7 state=true tenant.id=acme

                """)
    }

    @Test func `JSON has the same names`() {
        let line = LogFormat.json.line(for: record([.tenant: "a\"b", .delay: .double(.nan)]))
        #expect(
            line == """
                {"time":"1970-01-01T00:00:00.000000Z","level":"info","label":"test",\
                "message":"It \\"happened\\"","delay":"nan","tenant.id":"a\\"b"}

                """)
    }

    @Test(arguments: [
        ("a b", #""a b""#), ("", #""""#), ("x=y", #""x=y""#), ("\n\r\t\0", #""\n\r\t\u0000""#),
        ("\u{9B}31m", #""\u009b31m""#), ("a\u{2028}b", #""a\u2028b""#),
        ("plain-1.2:3", "plain-1.2:3"),
        ("Zürich", #""Zürich""#), (#"back\slash"#, #""back\\slash""#),
    ])
    func `no value breaks its line or reaches a terminal raw`(value: String, written: String) {
        let line = LogFormat.text.line(for: record([.reason: .string(value)]))
        #expect(line.hasSuffix(" reason=\(written)\n"))
        #expect(line.utf8.count { $0 == 0x0A } == 1)
    }

    @Test func `a long value is cut between two characters`() {
        let text = String(repeating: "é", count: 10_000)
        let line = LogFormat.json.line(for: record([.reason: .string(text)]))
        #expect(line.utf8.count < 9_000)
        #expect(line.contains("é…\""))
    }

    @Test func `below the level no field is evaluated`() {
        let sink = RecordingSink()
        let logger = Logger(label: "test", level: .info, sink: sink)
        var evaluated = 0
        func fields() -> [LogKey: LogValue] {
            evaluated += 1
            return [:]
        }
        logger.debug("No", fields())
        logger.info("Yes", fields())
        #expect(evaluated == 1)
        #expect(sink.messages == ["Yes"])
    }

    @Test func `a record's own field wins over its logger's`() {
        let sink = RecordingSink()
        let logger = Logger(label: "test", sink: sink).with([.tenant: "a", .handler: "h"])
        logger.warning("Said", [.tenant: "b"])
        #expect(sink.records.first?.fields == [.tenant: "b", .handler: "h"])
    }

    @Test func `levels are read from their names`() {
        for level in LogLevel.allCases { #expect(LogLevel(name: level.name) == level) }
        #expect(LogLevel(name: "loud") == nil)
    }
}
