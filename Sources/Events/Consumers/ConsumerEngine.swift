import Telemetry

/// Runs one group's share on this node: performs what its ``ConsumerStateMachine`` decides.
///
/// Three tasks beside each other: one reads the log, one stores batches, one watches the time.
/// ``Groups`` tells where partitions and members are, see ``heed(_:)``.
actor ConsumerEngine {
    struct Environment: Sendable {
        let store: any GroupStore
        let books: any ConsumerBooks
        let log: any EventLog
        let tail: EventTail
        /// Names this process, and no other.
        let node: String
        let time: Timekeeper
        let wallClock: any WallClock
        let metrics: ConsumerMetrics
        let logger: Logger
        /// Something happened that other nodes should look at.
        let tell: @Sendable () -> Void
    }

    /// Who waits for a batch to be stored.
    struct AckWaiter {
        let answers: [TokenAnswer]
        let continuation: CheckedContinuation<Set<Position>, Never>
    }

    static let tick: Duration = .milliseconds(50)
    private static let readBytes = 4 << 20

    let environment: Environment
    private(set) var group: StoredGroup
    var machine: ConsumerStateMachine
    var signals: [Int: Signal] = [:]
    var wakeTimes: [Int: Duration] = [:]
    var ackWaiters: [AckWaiter] = []
    var nextMember = 0
    /// Why nothing goes on here.
    private(set) var end: EventsError?
    /// All partitions that should be here are.
    var isSettled = false
    /// Of the log that the work is of; nil before anything is known.
    private var epoch: UInt64?
    private let writing = Signal()
    private let reading = Signal()

    var time: Timekeeper { environment.time }

    init(_ group: StoredGroup, _ environment: Environment) {
        self.group = group
        self.environment = environment
        machine = ConsumerStateMachine(
            consumer: group.consumer, node: environment.node, rules: ConsumerRules(group.group))
    }

    /// Something changed that may be handed out, or stored.
    func wakeUp() {
        writing.raise()
        reading.raise()
    }

    /// Runs until the task is cancelled, the group is deleted, or, when the node drains, nothing is
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
            let waiters = ackWaiters
            ackWaiters = []
            guard let batch = machine.takeBatch(now: time.now()) else {
                for waiter in waiters { waiter.continuation.resume(returning: []) }
                if end != nil || machine.isDraining && machine.held.isEmpty { return }
                await writing.wait()
                continue
            }
            let answer: BatchAnswer
            do {
                answer = try await commit(batch)
            } catch {
                for waiter in waiters { waiter.continuation.resume(returning: []) }
                throw error
            }
            take(answer, to: batch, waiters)
        }
    }

    private func take(
        _ answer: BatchAnswer, to batch: ConsumerBatch, _ waiters: [AckWaiter]
    ) {
        for member in machine.answered(batch, answer, now: time.now()) {
            signals[member]?.raise()
        }
        reading.raise()
        environment.metrics.count(batch, answer)
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

    private func report(_ batch: ConsumerBatch, _ answer: BatchAnswer) {
        let logger = environment.logger
        if !answer.refused.isEmpty {
            logger.info(
                "Partitions of a group were lost",
                [.group: name, .count: .init(answer.refused.count)])
        }
        for share in batch.shares where share.isReleased {
            environment.tell()
            break
        }
        for failure in batch.deadLetters where !answer.refused.contains(failure.partition) {
            logger.warning(
                "A group gave up on an event",
                [.group: name, .position: .init(failure.position)])
        }
    }

    var name: LogValue { .init(group.group.name.rawValue) }

    /// Tries until the store answers: what was decided is done, and would be repeated otherwise.
    private func commit(_ batch: ConsumerBatch) async throws -> BatchAnswer {
        var batch = batch
        var backOff = BackOff()
        while true {
            do {
                return try await environment.books.commit(batch)
            } catch let error as EventsError where error.code == .broken {
                environment.logger.error(
                    "A group's work cannot be stored",
                    [.group: name, .error: .init(String(describing: error))])
                return BatchAnswer(refused: Set(batch.shares.map(\.partition)))
            } catch let error as EventsError {
                environment.logger.warning(
                    "A group's work waits for the store",
                    [.group: name, .error: .init(String(describing: error))])
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
                    let page = try await page(
                        group.group.filter, after: after, through: through)
                    machine.took(read, page)
                    writing.raise()
                case .lane(let scope, let after, let through):
                    let page = try await page(
                        group.group.filter.only(scope.tenant), after: after, through: through)
                    machine.took(read, page)
                    writing.raise()
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

    private func pause(_ error: any Error, _ backOff: inout BackOff) async throws {
        environment.logger.warning(
            "A group cannot read the log",
            [.group: name, .error: .init(String(describing: error))])
        try await time.sleep(for: backOff.next())
    }

    /// - Throws: ``EventsError``: `.otherHistory` when the log is not the one that the work is of.
    private func page(
        _ filter: EventFilter, after: Position, through: Position
    ) async throws -> EventPage {
        let limit = machine.readLimit
        guard let epoch else { throw EventsError.otherHistory }
        switch environment.tail.read(after: after, epoch: epoch) {
        case .stretch(let stretch):
            return EventTail.events(
                stretch, CompiledFilter(filter), epoch: epoch, limit: limit)
        case .otherHistory: throw EventsError.otherHistory
        case .behind, .end: break
        }
        let page = try await environment.log.read(
            after: after, through: through, filter: filter, limit: limit,
            maxBytes: Self.readBytes)
        guard page.epoch == epoch else { throw EventsError.otherHistory }
        return page
    }

    /// Goes on in the log's current history. What was known may be of one that is gone: it is
    /// forgotten, and read again from the books.
    private func followHistory() async throws {
        let bounds = try await environment.log.bounds()
        guard bounds.epoch.id != epoch else { return }
        if epoch != nil {
            for index in machine.held { machine.drop(index) }
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
            "Retention dropped events that a group had not taken up",
            [.group: name, .earliest: .init(bounds.earliest)])
        machine.took(
            read,
            EventPage(
                events: [], scannedThrough: bounds.earliest.previous, head: bounds.head,
                epoch: bounds.epoch.id))
    }

    /// Hears of the log's growth, and of another history.
    private func follow() async throws {
        let tail = environment.tail
        let everything = CompiledFilter(.everything)
        while true {
            try Task.checkCancellation()
            if let epoch, tail.epoch == epoch, !tail.isDraining {
                if tail.known > machine.head {
                    machine.head = tail.known
                    reading.raise()
                }
                _ = await tail.wait(
                    after: machine.head, epoch: epoch, filter: everything,
                    until: time.now() + .seconds(1))
            } else {
                do {
                    try await followHistory()
                } catch let error as EventsError {
                    environment.logger.debug(
                        "A group waits for the log",
                        [.group: name, .error: .init(String(describing: error))])
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
            machine.tick(now: now)
            writing.raise()
            for (member, moment) in wakeTimes where moment <= now { signals[member]?.raise() }
        }
    }

    // MARK: Changes from outside

    func change(to group: StoredGroup) {
        self.group = group
        machine.rules = ConsumerRules(group.group)
        wakeUp()
    }

    /// Ends all that goes on here.
    func finish(_ error: EventsError) {
        end = error
        for signal in signals.values { signal.raise() }
        wakeUp()
    }

    /// Hands back what is not begun, waits for answers to what is.
    func drain() {
        guard !machine.isDraining else { return }
        machine.drain(now: time.now())
        for signal in signals.values { signal.raise() }
        wakeUp()
    }
}

extension EventFilter {
    /// Of one tenant.
    fileprivate func only(_ tenant: TenantID) -> EventFilter {
        EventFilter(
            types: types, tenants: .only([tenant]), subjectPrefix: subjectPrefix,
            sources: sources, kinds: kinds)
    }
}
