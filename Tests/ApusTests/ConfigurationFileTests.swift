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
        ("handler: {}", "1:1: handler: is no key here; there are handlers"),
    ])
    func `what can't be is refused where it stands`(_ text: String, _ fault: String) throws {
        let error = try #require(throws: ConfigurationError.self) { try read(text) }
        #expect(error.faults.count == 1)
        #expect(error.description.hasPrefix("apus.yaml:\(fault)"), "\(error)")
    }

    @Test func `what differs in a way that needs a restart is named`() throws {
        let first = try read("handlers: {lead-analytics: {concurrency: 4}}")
        let same = try read("handlers:\n  lead-analytics:\n    concurrency: 4\n")
        #expect(same.fixed(since: first) == [])
        #expect(try read("").fixed(since: first) == ["handlers.lead-analytics"])
        let usual = try read("handlers: {lead-analytics: {enabled: true}}")
        #expect(usual.fixed(since: try read("")) == [])
    }

    private func read(_ text: String) throws -> ConfigurationFile {
        let shipped = try HandlerRegistry.shipped()
        return try ConfigurationReader.read(text: Array(text.utf8), named: "apus.yaml") { root in
            ConfigurationFile(root, shipped: shipped)
        }
    }
}
