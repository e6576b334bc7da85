import Telemetry
import TestSupport

@testable import Events
@testable import PostgresLog

/// A node with everything that consumes, on a test's own log.
struct TestNode: Sendable {
    let name: String
    let test: TestLog
    let registry: HandlerRegistry
    let books: PostgresBooks
    let leases: PostgresLeases
    let store: PostgresReplays
    let groups: Groups
    let host: HandlerHost
    let replays: Replays
    let tail: EventTail
    let sink = RecordingSink()

    /// - Parameter clock: That of replays.
    init(
        _ test: TestLog, name: String = "node-1", registry: HandlerRegistry = .init(),
        failures: any FailureReporter = SilentReporter(),
        clock: any Clock<Duration> = ContinuousClock()
    ) {
        self.name = name
        self.test = test
        self.registry = registry
        let logger = Logger(label: "test", sink: sink)
        books = PostgresBooks(pool: test.pool)
        leases = PostgresLeases(pool: test.pool)
        store = PostgresReplays(pool: test.pool)
        tail = EventTail(log: test.log)
        test.log.add(tail)
        groups = Groups(
            store: PostgresGroups(pool: test.pool), books: PostgresConsumers(log: test.log),
            log: test.log, tail: tail, node: name, configuration: GroupNode.quick,
            metrics: MetricsRegistry(), logger: logger)
        let host = HandlerHost(
            registry: registry, books: books, consumers: groups.consumers, failures: failures,
            metrics: MetricsRegistry(), logger: logger)
        self.host = host
        replays = Replays(
            store: store, log: test.log, books: books, leases: leases,
            registry: { host.registry },
            node: name, leaseTime: .seconds(600), clock: clock, metrics: MetricsRegistry(),
            logger: logger)
    }

    /// Runs handlers and replays beside `body`; they drain when that ends.
    func running(_ body: @escaping @Sendable () async throws -> Void) async throws {
        try await host.register()
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                defer { host.drain() }
                try await body()
                return true
            }
            group.addTask { try await ended { try await tail.run() } }
            group.addTask { try await ended(true) { try await host.run() } }
            group.addTask { try await ended(true) { try await groups.run() } }
            group.addTask { try await ended { try await replays.run() } }
            var left = 3
            while left > 0, let isAwaited = try await group.next() {
                if isAwaited { left -= 1 }
            }
            group.cancelAll()
        }
    }

    private func ended(
        _ isAwaited: Bool = false, _ run: () async throws -> Void
    ) async throws -> Bool {
        do { try await run() } catch is CancellationError {}
        return isAwaited
    }

    /// Writes into the books what a handler stores that has done all up to a position.
    ///
    /// - Parameters:
    ///   - done: Of the events, those that the ledger tells of, and how they ended; a failure opens
    ///     a dead letter.
    func record(
        _ handler: String, through: UInt64, _ done: [(RecordedEvent, DeliveryOutcome)] = []
    ) async throws {
        guard let stored = try await books.find(handler) else { throw TestFailure() }
        let consumers = PostgresConsumers(log: test.log)
        try await consumers.beat(name, for: .seconds(600), members: [])
        let taken = try await consumers.take(
            Array(0..<Partition.count), of: stored.consumer, version: stored.version, node: name)
        var batch = ConsumerBatch(consumer: stored.consumer, node: name)
        batch.shares = taken.map {
            .init(
                partition: $0.partition, fence: $0.fence, serial: $0.serial,
                cursor: Position(through), begun: .zero, isReleased: true)
        }
        for (event, outcome) in done {
            let message = FailureReport(.handlerFailed, reference: "1234").message
            batch.records.append(
                .init(
                    partition: event.partition, position: event.position, attempt: 1,
                    outcome: outcome,
                    startedAt: Timestamp(seconds: 1_700_000_000, nanoseconds: 0),
                    duration: .milliseconds(3), message: outcome.isFailure ? message : "",
                    retryAfter: nil))
            guard outcome.isFailure else { continue }
            batch.deadLetters.append(
                .init(partition: event.partition, position: event.position, reason: message))
        }
        guard try await consumers.commit(batch) == BatchAnswer() else { throw TestFailure() }
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
        // Long enough for a machine that has much else to do: what fails waits for it, nothing else.
        let end = clock.now + .seconds(120)
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
    var timeLimit: Duration = .seconds(30)
    var concurrency = 16
    var retry = RetryPolicy.standard
    var ordering = HandlerOrdering.perKey(afterDeadLetter: .continue)
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
    let tables = ["lead_attribution", "lead_funnel", "leads"]

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
