import EventService
package import Events
import Postgres
package import PostgresLog
package import Telemetry

/// What runs handlers in a process, be it a node that serves clients or a service that has Apus
/// inside: groups, whose engine moves handlers too, the handlers, and replays to them.
package struct HostParts: Sendable {
    package let groups: Groups
    package let books: PostgresBooks
    package let handlers: HandlerHost
    package let replays: Replays

    private let log: LogParts
    private let hints: GroupHints

    /// - Parameters:
    ///   - leaseTime: A process that was not heard of for so long loses its work to others.
    ///   - drainGrace: For members' answers once it drains.
    package init(
        on log: LogParts, registry: HandlerRegistry, leaseTime: Duration, drainGrace: Duration,
        logger: Logger
    ) {
        self.log = log
        let hints = GroupHints(
            log.database, pool: log.pool, loops: log.loops, logger: logger.labelled("groups"))
        self.hints = hints
        var sharing = Groups.Configuration()
        sharing.leaseTime = leaseTime
        sharing.drainGrace = drainGrace
        groups = Groups(
            store: PostgresGroups(pool: log.pool), books: PostgresConsumers(log: log.log),
            log: log.log, tail: log.tail, node: log.node, configuration: sharing, clock: log.clock,
            metrics: log.metrics, logger: logger.labelled("groups"), tellOthers: { hints.tell() })
        books = PostgresBooks(pool: log.pool)
        let handling = logger.labelled("handlers")
        let handlers = HandlerHost(
            registry: registry, books: books, consumers: groups.consumers,
            failures: SystemErrors(
                publisher: log.publisher, metrics: log.metrics, logger: handling),
            metrics: log.metrics, logger: handling)
        self.handlers = handlers
        replays = Replays(
            store: PostgresReplays(pool: log.pool), log: log.log, books: books, leases: log.leases,
            registry: { handlers.registry }, node: log.node, leaseTime: leaseTime, clock: log.clock,
            metrics: log.metrics, logger: logger.labelled("replays"))
    }

    /// Runs the log beside `body`, which begins once the handlers are known to it: what is published
    /// from then on reaches them.
    ///
    /// - Throws: What `body` throws, `EventsError`, the store's errors.
    package func run<Result: Sendable>(
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Result?.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await ended { try await log.pool.run() } }
            try await log.log.open()
            try await handlers.register()
            group.addTask { try await ended { try await log.log.run() } }
            group.addTask(executorPreference: log.background) {
                try await ended { try await log.tail.run() }
            }
            group.addTask(executorPreference: log.background) {
                try await ended { try await hints.run { groups.lookAgain() } }
            }
            group.addTask { try await body() }
            // None of the others ends but by failing.
            while let result = try await group.next() {
                if let result { return result }
            }
            throw CancellationError()
        }
    }

    private func ended<Result>(_ part: () async throws -> Void) async throws -> Result? {
        try await part()
        return nil
    }

    /// Runs handlers, groups and replays; returns when they have drained. One that fails ends the
    /// others.
    package func work() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask(executorPreference: log.background) { try await groups.run() }
            group.addTask { try await handlers.run() }
            group.addTask { try await replays.run() }
            for try await _ in group {}
        }
    }

    /// Nothing more is begun; what runs is finished, or handed back when the grace is over.
    package func drain() {
        handlers.drain()
        replays.drain()
    }
}
