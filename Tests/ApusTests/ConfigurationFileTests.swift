import Configuration
import Events
import Handlers
import Testing

@testable import apus

@Suite struct ConfigurationFileTests {
    @Test func `options of a handler take the place of its own, the others stay`() throws {
        let file = try read(
            """
            handlers:
              lead-analytics:
                concurrency: 4
                retry: {maxAttempts: 5, maxDelay: 1h}
                afterDeadLetter: hold
            """)
        let registry = try HandlerRegistry.shipped().configured(file.handlers)
        let traits = try #require(registry["lead-analytics"]?.traits)
        let usual = LeadAnalytics()
        #expect(traits.concurrency == 4)
        #expect(traits.timeLimit == usual.timeLimit)
        #expect(traits.ordering == .perKey(afterDeadLetter: .hold))
        #expect(
            traits.retry
                == RetryPolicy(
                    maxAttempts: 5, firstDelay: usual.retry.firstDelay, maxDelay: .seconds(3_600),
                    maxAge: usual.retry.maxAge))
        #expect(traits.types == usual.types)
        #expect(traits.consumer == usual.consumer)
    }

    @Test func `the ledger keeps what the file says, and a change waits for a restart`() throws {
        let file = try read("ledger: failures")
        #expect(file.ledger == .failures)
        #expect(try read("ledger: all").ledger == .all)
        let silent = try read("handlers:")
        #expect(silent.ledger == nil)
        #expect(file.fixed(since: silent) == ["ledger"])
        let error = try #require(throws: ConfigurationError.self) { try read("ledger: some") }
        #expect(error.faults.count == 1)
        #expect(error.description.hasPrefix("apus.yaml:1:9: ledger: must be"), "\(error)")
    }

    @Test func `a handler that is switched off is not registered`() throws {
        let file = try read("handlers: {lead-analytics: {enabled: false}}")
        let registry = try HandlerRegistry.shipped().configured(file.handlers)
        #expect(registry["lead-analytics"] == nil)
    }

    @Test(arguments: [
        ("handlers: {leads: {enabled: false}}", "1:19: handlers.leads: is no handler; there are"),
        (
            "handlers: {lead-analytics: {retry: {firstDelay: 10m}}}",
            "1:49: handlers.lead-analytics.retry.firstDelay: makes maxDelay (5m) shorter than firstDelay (10m)"
        ),
        (
            "handlers: {lead-analytics: {ordering: none, afterDeadLetter: hold}}",
            "1:62: handlers.lead-analytics.afterDeadLetter: has a meaning with ordering: perKey only"
        ),
        (
            "handlers: {lead-analytics: {concurrency: 0}}",
            "1:42: handlers.lead-analytics.concurrency: must be a whole number from 1 to 1000"
        ),
        (
            "handlers: {lead-analytics: {timeLimit: 1d}}",
            "1:40: handlers.lead-analytics.timeLimit: must be a duration from 1ms to 12h"
        ),
        ("handler: {}", "1:1: handler: is no key here; there are handlers, neighbours, webhooks"),
    ])
    func `what can't be is refused where it stands`(_ text: String, _ fault: String) throws {
        let error = try #require(throws: ConfigurationError.self) { try read(text) }
        #expect(error.faults.count == 1)
        #expect(error.description.hasPrefix("apus.yaml:\(fault)"), "\(error)")
    }

    @Test func `what differs in a way that needs a restart is named`() throws {
        let first = try read("neighbours: {mcpEngine: {address: \"engine:1\"}}")
        let same = try read("neighbours:\n  mcpEngine:\n    address: engine:1\n")
        #expect(same.fixed(since: first) == [])
        #expect(try read("").fixed(since: first) == ["neighbours"])
        #expect(try read("ledger: all").fixed(since: first) == ["neighbours", "ledger"])
        let handlers = try read("handlers: {lead-analytics: {concurrency: 4, enabled: false}}")
        #expect(handlers.fixed(since: try read("")) == [])
    }

    @Test func `neighbours are where the file says, or the command line`() throws {
        let file = try read(
            """
            neighbours:
              mcpEngine: {address: "engine:50051", deadline: 2s, tls: {serverName: engine}}
              securityHub: {address: "hub:50052", auditTypes: ["order.**"]}
            handlers: {mcp-engine: {concurrency: 2}, security-hub-audit: {enabled: false}}
            """)
        let engine = try #require(file.neighbours.mcpEngine)
        #expect("\(engine.target)" == "engine:50051" && engine.deadline == .seconds(2))
        #expect(engine.tls?.serverName == "engine")
        #expect(file.neighbours.securityHub?.tls == nil)
        #expect(file.neighbours.securityHub?.deadline == .seconds(5))
        #expect(file.neighbours.auditTypes.map(\.text) == ["order.**"])
        #expect(file.handlers["mcp-engine"]?.concurrency == 2)
        let none = try read("")
        #expect(none.neighbours.mcpEngine == nil)
        #expect(none.fixed(since: file).contains("neighbours"))

        let arguments = try ParsedArguments(
            ["--mcp-engine", "other:1"], syntax: ServeCommand.syntax, environment: [:])
        let flags = try NeighbourSettings(arguments)
        let both = file.neighbours.with(flags)
        #expect(both.mcpEngine.map { "\($0.target)" } == "other:1")
        #expect(both.mcpEngine?.deadline == .seconds(2) && both.securityHub != nil)
        #expect(NeighbourSettings().with(flags) == flags)
    }

    @Test(arguments: [
        ("neighbours: {mcpEngine: {}}", "1:25: neighbours.mcpEngine.address: is missing"),
        (
            "neighbours: {mcpEngine: {address: nowhere}}",
            "1:35: neighbours.mcpEngine.address: must be HOST:PORT"
        ),
        (
            "neighbours: {securityHub: {address: 'a:1', deadline: 0s}}",
            "1:54: neighbours.securityHub.deadline: must be a duration"
        ),
        (
            "neighbours: {securityHub: {address: 'a:1', auditTypes: [x.**.y]}}",
            "1:57: neighbours.securityHub.auditTypes[0]: must be a type pattern"
        ),
        (
            "neighbours: {mcpEngine: {address: 'a:1', tls: {key: a.pem}}}",
            "1:47: neighbours.mcpEngine.tls: certificate and key go together"
        ),
        (
            "neighbours:\n  mcpEngine:\n    address: a:1\n    tls:\n    # {issuers: a.pem}\n",
            "4:9: neighbours.mcpEngine.tls: must be a mapping of keys to values, {} when there are"
        ),
        ("neighbours: {kafka: {}}", "1:14: neighbours.kafka: is no key here"),
    ])
    func `what is wrong with neighbours is told with its place`(
        text: String, fault: String
    ) throws {
        let error = try #require(throws: ConfigurationError.self) { try read(text) }
        #expect(error.faults.count == 1)
        #expect(error.description.hasPrefix("apus.yaml:\(fault)"), "\(error)")
    }

    private func read(_ text: String) throws -> ConfigurationFile {
        let shipped = try HandlerRegistry.shipped()
        return try ConfigurationReader.read(text: Array(text.utf8), named: "apus.yaml") { root in
            ConfigurationFile(root, shipped: shipped)
        }
    }
}
