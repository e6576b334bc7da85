import Events
import Telemetry
import TestSupport

@testable import PostgresLog

/// A node with everything that consumes, on a test's own log.
struct TestNode: Sendable {
    let name: String
    let test: TestLog
    let registry: HandlerRegistry
    let books: PostgresBooks
    let leases: PostgresLeases
    let store: PostgresReplays
    let subscriptions: Subscriptions
    let host: HandlerHost
    let replays: Replays
    let tail: EventTail
    let sink = RecordingSink()

    init(_ test: TestLog, name: String = "node-1", registry: HandlerRegistry = .init()) {
        self.name = name
        self.test = test
        self.registry = registry
        let logger = Logger(label: "test", sink: sink)
        books = PostgresBooks(pool: test.pool)
        leases = PostgresLeases(pool: test.pool)
        store = PostgresReplays(pool: test.pool)
        tail = EventTail(log: test.log)
        test.log.add(tail)
        subscriptions = Subscriptions(log: test.log, tail: tail)
        host = HandlerHost(
            registry: registry, books: books, leases: leases, subscriptions: subscriptions,
            node: name, metrics: MetricsRegistry(), logger: logger)
        replays = Replays(
            store: store, log: test.log, books: books, leases: leases, registry: registry,
            node: name, metrics: MetricsRegistry(), logger: logger)
    }

    /// Runs handlers and replays beside `body`.
    func running(_ body: @escaping @Sendable () async throws -> Void) async throws {
        try await host.register()
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await body()
                return true
            }
            group.addTask { try await ended { try await tail.run() } }
            group.addTask { try await ended { try await host.run() } }
            group.addTask { try await ended { try await replays.run() } }
            while let isBody = try await group.next(), !isBody {}
            group.cancelAll()
        }
    }

    private func ended(_ run: () async throws -> Void) async throws -> Bool {
        do { try await run() } catch is CancellationError {}
        return false
    }

    /// What became of events that are in the log.
    func standings() async throws -> [EventStanding] {
        try await books.standings(of: try await test.history())
    }

    func statuses() async throws -> [EventStatus] {
        try await standings().map(\.status)
    }

    func outcomes(at position: UInt64) async throws -> [DeliveryOutcome] {
        try await books.deliveries(at: Position(position), limit: 100).records.map(\.outcome)
    }

    /// Asks again until it is so: what other tasks write into tables tells nobody.
    ///
    /// - Returns: Whether it became so.
    func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
        let clock = ContinuousClock()
        let end = clock.now + .seconds(20)
        while clock.now < end {
            if try await condition() { return true }
            try await clock.sleep(for: .milliseconds(5))
        }
        return false
    }
}

/// A handler that does what a test says.
struct TestHandler: EventHandler {
    var name = "sample"
    var types = [TypePattern("lead.*")].compactMap(\.self)
    var hasExternalSideEffects = false
    var body: @Sendable (RecordedEvent, HandlerContext) async throws -> HandlerVerdict = { _, _ in
        .done
    }

    func handle(_ event: RecordedEvent, context: HandlerContext) async throws -> HandlerVerdict {
        try await body(event, context)
    }
}

/// A projection that counts leads: the lead's id is the event's subject.
struct TestProjection: Projection {
    let name = "leads"
    let types = [TypePattern("lead.created")].compactMap(\.self)

    func changes(for event: RecordedEvent) throws -> [ProjectionChange]? {
        let source: ProjectionChange.Value =
            event.subject == "poison" ? .null : .text(event.source)
        return [
            ProjectionChange(
                ProjectionChange.Name(rawValue: "project_lead_created"),
                [
                    .text(event.tenant.rawValue), .text(event.subject), source,
                    .time(event.occurredAt), .integer(Int64(event.position.rawValue)),
                ])
        ]
    }
}

extension HandlerRegistry {
    static func with(
        _ handlers: [any EventHandler], projections: [any Projection] = []
    ) throws -> HandlerRegistry {
        var registry = HandlerRegistry()
        for handler in handlers { try registry.register(handler) }
        for projection in projections { try registry.register(projection) }
        return registry
    }
}

struct TestFailure: Error {}
