import Testing

@testable import Configuration

/// What a reader gets of a file, and what it is told of it.
@Suite struct ConfigurationSectionTests {
    @Test func `each kind of value is read by its own accessor`() throws {
        let text = """
            text: hello
            quoted: "12"
            flag: true
            count: 12
            share: 0.5
            time: 1.5s
            level: high
            list: [a, b]
            below: {count: 1}
            several: [{count: 2}, {count: 3}]
            named: {first: {count: 4}, second: }
            """
        try ConfigurationReader.read(text: Array(text.utf8), named: "a.yaml") { root in
            #expect(root.text("text") == "hello")
            #expect(root.text("quoted") == "12")
            #expect(root.flag("flag") == true)
            #expect(root.integer("count", in: 1...12) == 12)
            #expect(root.number("share", in: 0...1) == 0.5)
            #expect(root.duration("time", in: .zero ... .seconds(2)) == .milliseconds(1_500))
            #expect(root.choice("level", [("low", 1), ("high", 2)]) == 2)
            #expect(
                root.values("list", "must be one letter") { $0.count == 1 ? $0 : nil } == [
                    "a", "b",
                ])
            #expect(root.section("below") { $0.integer("count", in: 0...9) } == 1)
            #expect(root.sections("several") { $0.integer("count", in: 0...9) } == [2, 3])
            let named = root.named("named") { _, section in
                .some(section.integer("count", in: 0...9))
            }
            #expect(named?.map(\.name) == ["first", "second"])
            #expect(named?.map(\.value) == [4, nil])
            #expect(root.text("other") == nil)
        }
    }

    @Test func `all that is wrong is told at once, in the order of the lines`() {
        let faults = faults(
            """
            handlers:
              lead-analytics:
                timeLimit: soon
                concurrency: "4"
                unheardOf: 1
              lead-analytics: {}
            webhooks: {}
            ports: [1, two, 3]
            """
        ) { root in
            _ = root.named("handlers") { _, section in
                section.require("retry")
                _ = section.duration("timeLimit", in: .milliseconds(1) ... .seconds(60))
                return section.integer("concurrency", in: 1...1_000)
            }
            _ = root.sections("webhooks") { _ in true }
            _ = root.values("ports", "must be a digit") { Int($0) }
        }
        #expect(
            faults == [
                "a.yaml:3:5: handlers.lead-analytics.retry: is missing",
                "a.yaml:3:16: handlers.lead-analytics.timeLimit: must be a duration from 1ms to 1m, such as 500ms, 10s or 5m",
                "a.yaml:4:18: handlers.lead-analytics.concurrency: must be a whole number from 1 to 1000",
                "a.yaml:5:5: handlers.lead-analytics.unheardOf: is no key here; there are retry, timeLimit, concurrency",
                "a.yaml:6:3: handlers.lead-analytics: is given twice",
                "a.yaml:7:11: webhooks: must be a list of 0 to 1000",
                "a.yaml:8:12: ports[1]: must be a digit",
            ])
    }

    @Test(arguments: [
        ("flag: 'true'", "1:7: flag: must be true or false"),
        ("flag: yes", "1:7: flag: must be true or false"),
        ("flag:", "1:6: flag: must be true or false"),
        ("count: 1.0", "1:8: count: must be a whole number from 1 to 9"),
        ("count: 10", "1:8: count: must be a whole number from 1 to 9"),
        ("count: [1]", "1:8: count: must be a whole number from 1 to 9"),
        ("count: 99999999999999999999", "1:8: count: must be a whole number from 1 to 9"),
        ("text: ''", "1:7: text: must be a text"),
        ("text: {}", "1:7: text: must be a text"),
        ("level: none", "1:8: level: must be low or high"),
        ("below: 1", "1:8: below: must be a mapping of keys to values"),
        ("below:", "1:7: below: must be a mapping of keys to values, {} when there are none"),
        (
            "below: # {a: 1}",
            "1:7: below: must be a mapping of keys to values, {} when there are none"
        ),
        ("several: ~", "1:10: several: must be a list of 0 to 1000"),
        (
            "several: [null]",
            "1:11: several[0]: must be a mapping of keys to values, {} when there are none"
        ),
        ("several: [1]", "1:11: several[0]: must be a mapping of keys to values"),
        ("- a", "1:1: must be a mapping of keys to values"),
        ("just text", "1:1: must be a mapping of keys to values"),
    ])
    func `a wrong value is named with its place and the rule`(_ text: String, _ fault: String) {
        let faults = faults(text) { root in
            _ = root.flag("flag")
            _ = root.integer("count", in: 1...9)
            _ = root.text("text")
            _ = root.choice("level", [("low", 1), ("high", 2)])
            _ = root.section("below") { _ in true }
            _ = root.sections("several") { _ in true }
        }
        #expect(faults == ["a.yaml:\(fault)"])
    }

    @Test func `a reader's own rule is told where the key stands, or its section`() {
        let faults = faults("first: 1\nbelow:\n  a: b\n") { root in
            _ = root.node("first")
            root.refuse("first", "must not be 1")
            _ = root.section("below") { section in
                _ = section.text("a")
                section.refuse(nil, "must be shorter")
                section.refuse("c", "is needed with a")
                return true
            }
        }
        #expect(
            faults == [
                "a.yaml:1:8: first: must not be 1", "a.yaml:3:3: below: must be shorter",
                "a.yaml:3:3: below.c: is needed with a",
            ])
    }

    @Test func `no fault shows a value, nor a key that looks like one`() {
        let secret = "whsec_c2VjcmV0"
        let faults = faults(
            """
            count: \(secret)
            level: \(secret)
            \(secret): 1
            below: \(secret)
            list: [\(secret)]
            """
        ) { root in
            _ = root.integer("count", in: 1...9)
            _ = root.choice("level", [("low", 1)])
            _ = root.section("below") { _ in true }
            _ = root.values("list", "must be a digit") { Int($0) }
        }
        #expect(faults.count == 5)
        #expect(!faults.joined().contains("c2Vj"))
        #expect(
            faults[2] == "a.yaml:3:1: (a key): is no key here; there are count, level, below, list")
    }

    @Test func `a file without anything is a root without keys`() throws {
        for text in ["", "# a comment\n", "---\n...\n", "~"] {
            try ConfigurationReader.read(text: Array(text.utf8), named: "a.yaml") { root in
                #expect(root.names.isEmpty)
            }
        }
    }

    private func faults(_ text: String, _ read: (ConfigurationSection) -> Void) -> [String] {
        do throws(ConfigurationError) {
            try ConfigurationReader.read(text: Array(text.utf8), named: "a.yaml", read)
            return []
        } catch {
            return error.faults.map(\.description)
        }
    }
}
