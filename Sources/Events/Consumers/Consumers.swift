import Telemetry

/// All that shares its work by partitions on this node: groups and handlers.
///
/// Each consumer has a ``ConsumerEngine`` here from its first member on. This shows that the node
/// lives, by one row for all of them, and looks after where their partitions should be.
public final class Consumers: Sendable {
    public struct Configuration: Sendable {
        /// A node that does not show up for so long is taken for dead.
        public var leaseTime: Duration = .seconds(6)
        /// Without a hint, partitions are looked after so often.
        public var pollInterval: Duration = .seconds(1)
        /// How long a node that drains waits for its members' answers.
        public var drainGrace: Duration = .seconds(10)

        public init() {}
    }

    private struct State {
        var engines: [Int32: ConsumerEngine] = [:]
        var isDraining = false
        /// Engines that act on a survey, and those of them that another one may be for.
        var attended: Set<Int32> = []
        var outdated: Set<Int32> = []
    }

    let environment: ConsumerEngine.Environment
    private let configuration: Configuration
    private let keeping: Signal
    /// Somebody else did something that this node should look at.
    private let hinted = Signal()
    /// Bounded by the groups that members name, and the handlers.
    private let running = TaskFeed<ConsumerEngine>()
    private let state = Lock(State())

    /// - Parameters:
    ///   - node: Shown in the ledger; names this process, and no other.
    ///   - tellOthers: Gives other nodes a hint to look at their partitions; they tell
    ///     ``lookAgain()``.
    init(
        books: any ConsumerBooks, log: any EventLog, tail: EventTail, node: String,
        configuration: Configuration, clock: any Clock<Duration>, wallClock: any WallClock,
        logger: Logger, tellOthers: @escaping @Sendable () -> Void
    ) {
        let keeping = Signal()
        self.keeping = keeping
        self.configuration = configuration
        environment = ConsumerEngine.Environment(
            books: books, log: log, tail: tail, node: node, time: Timekeeper(clock),
            wallClock: wallClock, logger: logger, tell: tellOthers,
            lookAgain: { keeping.raise() })
    }

    /// The engine of a consumer, which is started if there is none.
    ///
    /// - Throws: ``EventsError``, `.unavailable` when the node drains.
    func engine(
        for definition: ConsumerDefinition, _ metrics: ConsumerMetrics
    ) throws(EventsError) -> ConsumerEngine {
        let (engine, isNew) = state.withLock { state -> (ConsumerEngine?, Bool) in
            if state.isDraining { return (nil, false) }
            if let engine = state.engines[definition.consumer] { return (engine, false) }
            let engine = ConsumerEngine(definition, environment, metrics)
            state.engines[definition.consumer] = engine
            return (engine, true)
        }
        guard let engine else { throw ConsumerEngine.draining }
        if isNew { running.begin(engine) }
        return engine
    }

    /// Nil when it has no members here.
    func engine(of consumer: Int32) -> ConsumerEngine? {
        state.withLock { $0.engines[consumer] }
    }

    /// Something changed that holders of partitions should look at, here or elsewhere.
    func tellAll() {
        environment.lookAgain()
        environment.tell()
    }

    /// Another node did something that this one should look at.
    public func lookAgain() { hinted.raise() }

    /// Ends one consumer here as ``drain()`` ends all of them; its `over` tells when another engine
    /// may be made for it.
    func drain(_ engine: ConsumerEngine) async {
        await engine.drain(grace: configuration.drainGrace)
        tellAll()
    }

    /// No more hand-outs on this node: what is not begun is handed back, members end with
    /// UNAVAILABLE.
    public func drain() {
        state.withLock { $0.isDraining = true }
        running.close()
        keeping.raise()
    }

    /// Keeps this node's share of the consumers; returns when it drains and its members' work is
    /// answered, or the grace is over.
    public func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.runEngines() }
            group.addTask { try await self.keep() }
            group.addTask { try await self.poll() }
            group.addTask { try await self.heedHints() }
            defer { group.cancelAll() }
            try await group.next()
        }
        // What is left is free at once, and what was handed out counts as lost.
        try await environment.books.end(environment.node)
        environment.tell()
    }

    /// Returns when the node drains and all is answered.
    private func runEngines() async throws {
        try await running.run { engine in
            defer { self.forget(engine) }
            try await engine.run()
        }
    }

    private func forget(_ engine: ConsumerEngine) {
        state.withLock { state in
            for (consumer, other) in state.engines where other === engine {
                state.engines[consumer] = nil
            }
        }
        engine.over.raise()
        // Others learn that it is no member any more.
        keeping.raise()
    }

    private func poll() async throws {
        while true {
            try await environment.time.sleep(for: configuration.pollInterval)
            keeping.raise()
        }
    }

    /// Each look is one at all that is here: hints that come close together share one.
    private func heedHints() async throws {
        while true {
            await hinted.wait()
            try Task.checkCancellation()
            keeping.raise()
            try await environment.time.sleep(for: Self.hintPause)
        }
    }

    /// Between two looks that hints cause.
    private static let hintPause: Duration = .milliseconds(50)

    /// Shows that this node lives, and sees to it that the partitions are where they should be.
    private func keep() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            try await keep(&group)
            group.cancelAll()
        }
    }

    private func keep(_ group: inout ThrowingDiscardingTaskGroup<any Error>) async throws {
        var drainedAt: Duration?
        // Others may take this node for a member of something.
        var isKnown = false
        while true {
            try Task.checkCancellation()
            let (engines, isDraining) = state.withLock { ($0.engines, $0.isDraining) }
            if isDraining {
                for engine in engines.values { await engine.drain(grace: configuration.drainGrace) }
                let now = environment.time.now()
                drainedAt = drainedAt ?? now
                if let drainedAt, now >= drainedAt + configuration.drainGrace { return }
            }
            do {
                if isKnown || !engines.isEmpty {
                    isKnown = true
                    try await look(after: engines, isDraining: isDraining, &group)
                    isKnown = !engines.isEmpty
                }
            } catch let error as EventsError {
                environment.logger.warning(
                    "Consumers cannot be looked after", [.error: .init(String(describing: error))])
            }
            await keeping.wait()
        }
    }

    /// Each engine acts on its survey in a task of its own: none waits for another, nor does what
    /// shows that the node lives.
    private func look(
        after engines: [Int32: ConsumerEngine], isDraining: Bool,
        _ group: inout ThrowingDiscardingTaskGroup<any Error>
    ) async throws {
        var members: [ConsumerMembers] = []
        for (consumer, engine) in engines {
            await engine.endIfIdle()
            let count = isDraining ? 0 : await engine.memberCount
            guard count > 0 else { continue }
            members.append(
                ConsumerMembers(
                    consumer: consumer, count: count, isBroken: await engine.isBroken))
        }
        try await beat(members)
        let idle = state.withLock { state in
            state.outdated.formUnion(state.attended.intersection(engines.keys))
            return engines.filter { !state.attended.contains($0.key) }
        }
        var beatenAt = environment.time.now()
        var rest = Array(idle.keys)[...]
        while !rest.isEmpty {
            let some = rest.prefix(Self.surveyed)
            rest = rest.dropFirst(Self.surveyed)
            // Many take their time.
            if environment.time.now() - beatenAt >= configuration.leaseTime / 4 {
                try await beat(members)
                beatenAt = environment.time.now()
            }
            var known: [Int32: [PartitionMark?]] = [:]
            for consumer in some { known[consumer] = await idle[consumer]?.marks }
            for survey in try await environment.books.survey(Array(some)) {
                guard let engine = idle[survey.consumer], let marks = known[survey.consumer] else {
                    continue
                }
                _ = state.withLock { $0.attended.insert(survey.consumer) }
                group.addTask { try await self.attend(engine, survey, known: marks) }
            }
        }
    }

    /// By one statement.
    private static let surveyed = 256

    private func beat(_ members: [ConsumerMembers]) async throws {
        try await environment.books.beat(
            environment.node, for: configuration.leaseTime, members: members)
    }

    private func attend(
        _ engine: ConsumerEngine, _ survey: ConsumerSurvey, known: [PartitionMark?]
    ) async throws {
        defer {
            let isOutdated = state.withLock { state in
                state.attended.remove(survey.consumer)
                return state.outdated.remove(survey.consumer) != nil
            }
            if isOutdated { keeping.raise() }
        }
        do {
            try await engine.heed(survey, known: known)
        } catch let error as EventsError {
            let name = await engine.name
            environment.logger.warning(
                "A consumer cannot be looked after",
                [.consumer: name, .error: .init(String(describing: error))])
        } catch is CancellationError {}
    }
}
