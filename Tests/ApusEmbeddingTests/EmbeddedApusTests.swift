import EventProtos
import Events
import Postgres
import Telemetry
import TestSupport
import Testing

@testable import ApusEmbedding

@Suite struct EmbeddedApusTests {
    private typealias LeadCreated = ApusEventsLeadV1.LeadCreated

    /// What the handler of a test was handed.
    private final class Runs: Sendable {
        let all = Lock<[String]>([])
        private let stream = AsyncStream.makeStream(of: Void.self)

        func add(_ text: String) {
            all.withLock { $0.append(text) }
            stream.continuation.yield()
        }

        /// Returns when so many more were added.
        func wait(for count: Int) async {
            var left = count
            for await _ in stream.stream {
                left -= 1
                if left == 0 { return }
            }
        }
    }

    @Test func `a handler of one's own gets what is published beside it`() async throws {
        try await TestPostgres.withDatabase { database in
            let runs = Runs()
            let told = try await EmbeddedApus.run(
                on: database, configuration: .init(), logger: .silent
            ) { registry, publisher in
                try registry.handle(LeadCreated.self) { event, context in
                    let id = context.deliveryID.replacing("\(event.id)", with: "ID")
                    runs.add("\(event.tenant) \(event.payload.leadId) \(id)")
                    // What a handler publishes goes the same way.
                    guard event.payload.leadId == "1" else { return }
                    try await publisher.publish(
                        .leadCreated(leadId: "2", source: "again"), for: event.tenant)
                }
            } while: { publisher in
                let acme = TenantID(unchecked: "acme")
                let first = try await publisher.publish(
                    .leadCreated(leadId: "1", source: "crm"), for: acme)
                await runs.wait(for: 2)
                return first
            }
            #expect(told == [Position(1)])
            #expect(
                runs.all.withLock { $0 } == [
                    "acme 1 handler/lead-created/1/ID", "acme 2 handler/lead-created/2/ID",
                ])
        }
    }

    @Test func `a failure that may pass is tried again, and what is under way is finished once`()
        async throws
    {
        try await TestPostgres.withDatabase { database in
            let runs = Runs()
            let begun = Runs()
            for number in ["1", "2"] {
                try await EmbeddedApus.run(on: database, configuration: .init(), logger: .silent) {
                    registry, _ in
                    let options = HandlerOptions(
                        retry: RetryPolicy(firstDelay: .zero, maxDelay: .zero))
                    try registry.handle(LeadCreated.self, options: options) { event, context in
                        if context.attempt == 1 { throw HandlerError.transient("not now") }
                        begun.add("")
                        for _ in 0..<10_000 {
                            await Task.yield()
                            try Task.checkCancellation()
                        }
                        let id = context.deliveryID.replacing("\(event.id)", with: "ID")
                        runs.add("\(id) \(context.attempt)")
                    }
                } while: { publisher in
                    try await publisher.publish(
                        .leadCreated(leadId: number, source: "crm"), for: .default)
                    await begun.wait(for: 1)
                }
            }
            // The positions between are those of system.error.
            #expect(
                runs.all.withLock { $0 } == [
                    "handler/lead-created/1/ID 2", "handler/lead-created/3/ID 2",
                ])
        }
    }

    @Test func `figures of log and handlers are in the registry of the service`() async throws {
        try await TestPostgres.withDatabase { database in
            let runs = Runs()
            let metrics = MetricsRegistry()
            metrics.counter("desk_calls_total", help: "The service's own.").increment()
            try await EmbeddedApus.run(
                on: database, configuration: .init(), metrics: metrics, logger: .silent
            ) { registry, _ in
                try registry.handle(LeadCreated.self) { _, _ in runs.add("") }
            } while: { publisher in
                try await publisher.publish(.leadCreated(leadId: "1", source: "crm"), for: .default)
                await runs.wait(for: 1)
            }
            let lines = Set(metrics.exposition().split(separator: "\n").map(String.init))
            #expect(
                lines.isSuperset(of: [
                    "desk_calls_total 1",
                    "apus_handler_deliveries_total 1",
                    #"apus_handler_outcomes_total{outcome="succeeded"} 1"#,
                    #"apus_handler_failures_total{handler="lead-created"} 0"#,
                ]), "\(lines)")
        }
    }

    @Test func `what the body throws ends it`() async throws {
        struct Enough: Error {}
        try await TestPostgres.withDatabase { database in
            _ = await #expect(throws: Enough.self) {
                try await EmbeddedApus.run(on: database, configuration: .init(), logger: .silent) {
                    registry, _ in
                    try registry.handle(LeadCreated.self) { _, _ in }
                } while: { _ in
                    throw Enough()
                }
            }
        }
    }

    @Test(arguments: ["inventory", "lead-autopilot", "notification"])
    func `a name of a handler that ships with Apus is refused`(name: String) async throws {
        try await TestPostgres.withDatabase { database in
            let error = await #expect(throws: EventsError.self) {
                try await EmbeddedApus.run(on: database, configuration: .init(), logger: .silent) {
                    registry, _ in
                    try registry.handle(LeadCreated.self, named: name) { _, _ in }
                } while: { _ in
                }
            }
            #expect(error?.code == .invalidArgument)
            #expect(
                error?.message == "handlers.\(name): is the name of a handler that ships with Apus")
        }
    }
}
