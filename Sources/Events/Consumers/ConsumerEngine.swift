import Telemetry

/// Runs one consumer's share on this node: performs what its ``ConsumerStateMachine`` decides.
///
/// Five tasks beside each other: one reads the log, one stores batches, one hears what other nodes
/// said, one follows the log's growth, one watches the time.
/// ``Consumers`` tells where partitions and members are, see ``heed(_:known:)``. Members are clients
/// that are connected (``join(_:)``) or live here (``joinHere(concurrency:window:inbox:told:)``).
actor ConsumerEngine {
    struct Environment: Sendable {
        let books: any ConsumerBooks
        let log: any EventLog
        let tail: EventTail
        /// Names this process, and no other.
        let node: String
        let time: Timekeeper
        let wallClock: any WallClock
        let logger: Logger
        /// Something happened that other nodes should look at.
        let tell: @Sendable () -> Void
        /// Something happened that this node should look at.
        let lookAgain: @Sendable () -> Void
    }

    /// Who waits for a batch to be stored.
    struct AckWaiter {
        let answers: [TokenAnswer]
        let continuation: CheckedContinuation<Set<Position>, Never>
    }

    static let tick: Duration = .milliseconds(50)
    private static let readBytes = 4 << 20
    /// How long it leaves events alone that are none of its business, when they come one on another.
    private static let crowdPause: Duration = .milliseconds(100)

    let environment: Environment
    let metrics: ConsumerMetrics
    private(set) var definition: ConsumerDefinition
    private var filter: CompiledFilter
    var machine: ConsumerStateMachine
    var signals: [Int: Signal] = [:]
    var wakeTimes: [Int: Duration] = [:]
    var ackWaiters: [AckWaiter] = []
    var nextMember = 0
    /// As told of last, and when.
    var checkpoint: (at: Duration, position: Position?)?
    /// Since when it has no members.
    var emptySince: Duration?
    /// Members that live in this process.
    var workers: [Int: LocalMember] = [:]
    /// Events whose changes the store refused: they are not to be tried again.
    var suspects: Set<Position> = []
    /// Why nothing goes on here.
    private(set) var end: EventsError?
    /// All partitions that should be here are.
    var isSettled = false
    /// Partitions may be ours already, and we have not heard it.
    var isTaking = false
    /// Of the log that the work is of; nil before anything is known.
    private var epoch: UInt64?
    /// Nothing goes on here any more, and ``Consumers`` has forgotten it. One task waits.
    nonisolated let over = Signal()
    private let writing = Signal()
    private let reading = Signal()
    let hearing = Signal()
    /// Surveys that told of something said elsewhere, and those of them after which it was heard.
    var (told, heard) = (0, 0)
    /// There may be more dead letters to be tried again than there was room for.
    var hasMoreRevivals = false
    var lastBatchAt: Duration = .zero
    private var stopRunsAt: Duration?

    var time: Timekeeper { environment.time }

    init(
        _ definition: ConsumerDefinition, _ environment: Environment, _ metrics: ConsumerMetrics
    ) {
        self.definition = definition
        filter = CompiledFilter(definition.filter)
        self.environment = environment
        self.metrics = metrics
        var limits = ConsumerStateMachine.Limits()
        if definition.rules.isLocal { limits.readEvents = 1_000 }
        machine = ConsumerStateMachine(
            consumer: definition.consumer, node: environment.node, rules: definition.rules,
            limits: limits)
        machine.isPaused = definition.isPaused
        emptySince = environment.time.now()
    }

    /// Something changed that may be handed out, or stored.
    func wakeUp() {
        writing.raise()
        reading.raise()
    }

    /// Runs until the task is cancelled, the consumer is deleted, or, when the node drains, nothing is
    /// left here.
    func run() async throws {
        defer {
            for waiter in ackWaiters { waiter.continuation.resume(returning: []) }
            ackWaiters = []
            end = end ?? Self.draining
            for signal in signals.values { signal.raise() }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.write() }
            group.addTask { try await self.read() }
            group.addTask { try await self.hear() }
            group.addTask { try await self.follow() }
            group.addTask { try await self.watch() }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    // MARK: Storing

    /// Returns when nothing is left to be done here.
    private func write() async throws {
        while true {
            try Task.checkCancellation()
            try await gather()
            let waiters = ackWaiters
            ackWaiters = []
            guard let batch = takeBatch() else {
                for waiter in waiters { waiter.continuation.resume(returning: []) }
                if end != nil || machine.isDraining && machine.held.isEmpty && !isTaking { return }
                await writing.wait()
                continue
            }
            lastBatchAt = time.now()
            do {
                try await store(batch, waiters)
            } catch {
                for waiter in waiters { waiter.continuation.resume(returning: []) }
                throw error
            }
        }
    }

    /// Stores a batch, without those events whose changes a projection's table refuses: they are run
    /// again, to become dead letters.
    private func store(_ batch: ConsumerBatch, _ waiters: [AckWaiter]) async throws {
        var batch = batch
        var answer = try await commit(batch)
        while !answer.unacceptable.isEmpty {
            suspects.formUnion(answer.unacceptable)
            batch = machine.retract(answer.unacceptable, from: batch, now: time.now())
            answer = try await commit(batch)
        }
        take(answer, to: batch, waiters)
    }

    private func take(
        _ answer: BatchAnswer, to batch: ConsumerBatch, _ waiters: [AckWaiter]
    ) {
        for member in machine.answered(batch, answer, now: time.now()) {
            signals[member]?.raise()
        }
        reading.raise()
        if hasMoreRevivals, machine.revivalRoom != .none { hearing.raise() }
        if !answer.refused.isEmpty { abandonRuns() }
        metrics.count(batch, answer)
        report(batch, answer)
        guard !waiters.isEmpty else { return }
        var stored: Set<Position> = []
        for finish in batch.finished where !answer.refused.contains(finish.partition) {
            stored.insert(finish.position)
        }
        for row in batch.rows
        where !answer.refused.contains(row.partition)
            && !answer.remarked.contains(row.work.position)
        {
            stored.insert(row.work.position)
        }
        for waiter in waiters { waiter.continuation.resume(returning: stored) }
    }

    /// Tries until the store answers: what was decided is done, and would be repeated otherwise.
    private func commit(_ batch: ConsumerBatch) async throws -> BatchAnswer {
        var batch = batch
        var backOff = BackOff()
        while true {
            do {
                return try await environment.books.commit(batch)
            } catch let error as EventsError where error.code == .broken {
                environment.logger.error(
                    "A consumer's work cannot be stored",
                    [.consumer: name, .error: .init(String(describing: error))])
                return BatchAnswer(refused: Set(batch.shares.map(\.partition)))
            } catch let error as EventsError {
                environment.logger.warning(
                    "A consumer's work waits for the store",
                    [.consumer: name, .error: .init(String(describing: error))])
                batch.isRepeated = true
            }
            try await time.sleep(for: backOff.next())
        }
    }

    // MARK: Reading

    private func read() async throws {
        var backOff = BackOff()
        while true {
            try Task.checkCancellation()
            let read = machine.nextRead()
            do {
                switch read {
                case .none, .wait:
                    await reading.wait()
                case .main(let after, let through):
                    let page = try await page(filter, after: after, through: through)
                    guard let page else { continue }
                    take(page, for: read)
                case .lane(let scope, let after, let through):
                    let page = try await page(
                        CompiledFilter(definition.filter.only(scope.tenant)), after: after,
                        through: through)
                    guard let page else { continue }
                    take(page, for: read)
                }
                backOff.reset()
            } catch let error as CancellationError {
                throw error
            } catch let error as EventsError where error == .otherHistory {
                do {
                    try await followHistory()
                } catch let error as EventsError {
                    try await pause(error, &backOff)
                }
            } catch let error as EventsError where error.code == .outOfRange {
                do {
                    try await skip(read)
                } catch let error as EventsError {
                    try await pause(error, &backOff)
                }
            } catch {
                try await pause(error, &backOff)
            }
        }
    }

    private func take(_ page: EventPage, for read: ConsumerStateMachine.Read) {
        machine.took(
            read, page, now: time.now(), wall: Timestamp(environment.wallClock.now()))
        writing.raise()
    }

    private func pause(_ error: any Error, _ backOff: inout BackOff) async throws {
        environment.logger.warning(
            "A consumer cannot read the log",
            [.consumer: name, .error: .init(String(describing: error))])
        try await time.sleep(for: backOff.next())
    }

    /// - Returns: Nil when the consumer was changed meanwhile: what it wants may be something else.
    /// - Throws: ``EventsError``: `.otherHistory` when the log is not the one that the work is of.
    private func page(
        _ filter: CompiledFilter, after: Position, through: Position
    ) async throws -> EventPage? {
        let version = definition.version
        let limit = machine.readLimit
        guard let epoch else { throw EventsError.otherHistory }
        switch environment.tail.read(after: after, epoch: epoch) {
        case .stretch(let stretch):
            return EventTail.events(stretch, filter, epoch: epoch, limit: limit)
        case .otherHistory: throw EventsError.otherHistory
        case .behind, .end: break
        }
        let page = try await environment.log.read(
            after: after, through: through, filter: filter.filter, limit: limit,
            maxBytes: Self.readBytes)
        // Both may have changed while this waited.
        guard page.epoch == self.epoch else { throw EventsError.otherHistory }
        return version == definition.version ? page : nil
    }

    /// Goes on in the log's current history. What was known may be of one that is gone: it is
    /// forgotten, and read again from the books.
    private func followHistory() async throws {
        let bounds = try await environment.log.bounds()
        guard bounds.epoch.id != epoch else { return }
        if epoch != nil {
            for index in machine.held { machine.drop(index) }
            abandonRuns()
        }
        epoch = bounds.epoch.id
        machine.head = bounds.head
        environment.tail.learn { $0.reached(bounds) }
        // Partitions may have come before, and with nothing known to read.
        reading.raise()
    }

    /// Retention dropped what was still to be read.
    private func skip(_ read: ConsumerStateMachine.Read) async throws {
        let bounds = try await environment.log.bounds()
        environment.logger.error(
            "Retention dropped events that a consumer had not taken up",
            [.consumer: name, .earliest: .init(bounds.earliest)])
        take(
            EventPage(
                events: [], scannedThrough: bounds.earliest.previous, head: bounds.head,
                epoch: bounds.epoch.id), for: read)
    }

    /// Hears of the log's growth, and of another history. Of a crowd of events that are none of its
    /// business it hears now and then.
    private func follow() async throws {
        let tail = environment.tail
        let everything = CompiledFilter(.everything)
        while true {
            try Task.checkCancellation()
            if let epoch, tail.epoch == epoch, !tail.isDraining {
                let isNew = tail.known > machine.head
                if isNew {
                    machine.head = tail.known
                    reading.raise()
                }
                _ = await tail.wait(
                    after: machine.head, epoch: epoch, filter: isNew ? filter : everything,
                    until: time.now() + (isNew ? Self.crowdPause : .seconds(1)))
            } else {
                do {
                    try await followHistory()
                } catch let error as EventsError {
                    environment.logger.debug(
                        "A consumer waits for the log",
                        [.consumer: name, .error: .init(String(describing: error))])
                }
                try await time.sleep(for: .milliseconds(100))
            }
        }
    }

    // MARK: Time

    private func watch() async throws {
        while true {
            try await time.sleep(for: Self.tick)
            let now = time.now()
            // What takes long may have made it time to look for others' events.
            let isCrowded = machine.load.active > 0 || !machine.stuck.isEmpty
            machine.tick(now: now)
            heedCircuits(now: now)
            limitStock()
            writing.raise()
            if isCrowded { reading.raise() }
            if let moment = stopRunsAt, moment <= now { stopRuns() }
            for (member, moment) in wakeTimes where moment <= now { signals[member]?.raise() }
        }
    }

    // MARK: Changes from outside

    func change(to definition: ConsumerDefinition) {
        if self.definition.filter != definition.filter {
            filter = CompiledFilter(definition.filter)
        }
        self.definition = definition
        machine.change(to: definition.rules)
        if machine.isPaused != definition.isPaused { machine.pause(definition.isPaused) }
        for signal in signals.values { signal.raise() }
        wakeUp()
    }

    /// Ends all that goes on here.
    func finish(_ error: EventsError) {
        end = error
        for signal in signals.values { signal.raise() }
        wakeUp()
    }

    /// Hands back what is not begun, waits for answers to what is.
    ///
    /// - Parameter grace: For answers. Runs here are ended before it is over, to be released.
    func drain(grace: Duration) {
        guard !machine.isDraining else { return }
        stopRunsAt = time.now() + grace * 0.75
        machine.drain(now: time.now())
        for signal in signals.values { signal.raise() }
        wakeUp()
    }
}
