import Events
import IO
import Postgres
import Telemetry

/// Gathers concurrent appends into batches and sends them, one statement a batch, over one
/// connection: more writers only queue for the same row, and one connection keeps the order.
///
/// When the connection dies with batches under way, nobody is answered: after reconnecting the
/// same batch goes again, and the ids tell what the lost attempt had stored.
actor GroupCommitter {
    struct Configuration: Sendable {
        var queue = BatchQueue.Limits()
        /// How long requests wait for a store that went away before they are told so.
        var patience: Duration = .seconds(5)

        init() {}
    }

    private struct Caller {
        let continuation: CheckedContinuation<[AppendOutcome], any Error>
    }

    private let loop: IOLoop
    private let connect: @Sendable () async throws -> PostgresConnection
    private let configuration: Configuration
    private let logger: Logger
    private let observers: LogObservers
    private let directory: Directory
    private let gauges: WaitingGauges
    private let clock: any Clock<Duration>

    private var queue: BatchQueue
    private var callers: [UInt64: Caller] = [:]
    private var nextTicket: UInt64 = 0
    /// Sent, and never answered: oldest first.
    private var inDoubt: [AppendBatch] = []
    /// Workers with nothing to do.
    private var idle: [CheckedContinuation<Void, Never>] = []
    private var stopped = false
    /// Requests are refused at once while the store has been away for too long.
    private var refusing = false
    private(set) var state = StoreState.connecting {
        didSet { if state != oldValue { observers.stateChanged(to: state) } }
    }
    private var head = Position.zero
    /// Of the log; 0 before it is known.
    private var epoch: UInt64 = 0
    private var connectionIsUp = false

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.asUnownedSerialExecutor()
    }

    /// - Parameter connect: Opens a session on `loop`.
    init(
        on loop: IOLoop, configuration: Configuration, observers: LogObservers,
        directory: Directory, gauges: WaitingGauges, logger: Logger,
        clock: any Clock<Duration> = ContinuousClock(),
        connect: @escaping @Sendable () async throws -> PostgresConnection
    ) {
        self.loop = loop
        self.configuration = configuration
        self.observers = observers
        self.directory = directory
        self.gauges = gauges
        self.logger = logger
        self.clock = clock
        self.connect = connect
        queue = BatchQueue(limits: configuration.queue)
    }

    // MARK: Callers

    /// Returns once the events are durable, in the order of the request. Nil when its numbers are
    /// of another epoch than the log is in: to be prepared again.
    func append(_ append: PreparedAppend) async throws -> [AppendOutcome]? {
        if epoch != 0, append.epoch != epoch { return nil }
        if stopped { throw EventsError.away(.unavailable) }
        if refusing { throw EventsError.away(state) }
        nextTicket += 1
        let ticket = nextTicket
        return try await withTaskCancellationHandler {
            try Task.checkCancellation()
            return try await withCheckedThrowingContinuation { continuation in
                guard queue.add(BatchQueue.Entry(ticket: ticket, append: append)) else {
                    gauges.refused.increment()
                    continuation.resume(throwing: EventsError.overloaded(retryAfter: .seconds(1)))
                    return
                }
                gauges.set(queue)
                callers[ticket] = Caller(continuation: continuation)
                wakeWorker()
            }
        } onCancel: {
            loop.execute { self.assumeIsolated { $0.cancel(ticket) } }
        }
    }

    /// What is under way is stored or not; the caller no longer wants to know.
    private func cancel(_ ticket: UInt64) {
        _ = queue.remove(ticket)
        callers.removeValue(forKey: ticket)?.continuation.resume(throwing: CancellationError())
    }

    private func answer(_ ticket: UInt64, _ result: Result<[AppendOutcome], EventsError>) {
        callers.removeValue(forKey: ticket)?.continuation.resume(with: result.mapError { $0 })
    }

    // MARK: The connection

    /// Keeps a connection and sends what comes, until the task is cancelled.
    func run() async throws {
        defer { stop() }
        var lostAt: ContinuousClock.Instant?
        var pause = Backoff()
        while true {
            do {
                let connection = try await connect()
                do {
                    try await open(connection)
                    lostAt = nil
                    pause = Backoff()
                    try await work(connection)
                } catch {
                    await connection.close()
                    throw error
                }
            } catch {
                connectionIsUp = false
                try Task.checkCancellation()
                state = StoreState(error)
                let since = lostAt ?? .now
                lostAt = since
                logger.warning("Lost the log's connection", [.error: .init("\(error)")])
                if since.duration(to: .now) >= configuration.patience { giveUp() }
            }
            try await clock.sleep(for: pause.delay())
        }
    }

    /// Opens an epoch if need be and settles what an earlier connection left in doubt.
    private func open(_ connection: PostgresConnection) async throws {
        let bounds = try await connection.openEpoch(knowing: observers.history)
        if bounds.epoch.id == epoch {
            head = max(head, bounds.head)
        } else {
            try await follow(bounds)
        }
        observers.reached(bounds)
        while let batch = inDoubt.first {
            try await settle(batch, on: connection)
            inDoubt.removeFirst()
        }
        connectionIsUp = true
        refusing = false
        // Only an append shows that a full disk has room again.
        if state != .diskFull { state = .available }
    }

    /// The log is in another epoch: what waits gets the numbers which its tenants and types have
    /// there, and keeps its place.
    private func follow(_ bounds: LogBounds) async throws {
        epoch = bounds.epoch.id
        head = bounds.head
        directory.follow(epoch)
        var waiting = queue.removeAll()
        defer { queue.giveBack(waiting.filter { callers[$0.ticket] != nil }) }
        do {
            for index in inDoubt.indices {
                let entries = try await renumbered(inDoubt[index].entries)
                inDoubt[index].restart(entries, after: head)
            }
            waiting = try await renumbered(waiting)
        } catch {
            epoch = 0
            throw error
        }
    }

    private func renumbered(_ entries: [BatchQueue.Entry]) async throws -> [BatchQueue.Entry] {
        var renumbered: [BatchQueue.Entry] = []
        for entry in entries {
            let numbers = try await directory.numbers(for: entry.append.events)
            renumbered.append(
                BatchQueue.Entry(
                    ticket: entry.ticket, append: entry.append.renumbered(numbers),
                    isAlone: entry.isAlone))
        }
        return renumbered
    }

    private func settle(_ batch: AppendBatch, on connection: PostgresConnection) async throws {
        do {
            let rows = try await connection.execute(SQLText.append, batch.parameters)
            let found = try await connection.execute(
                SQLText.appendOfBatch, [.uuid(batch.id), .int8(Int64(batch.sentAfter.rawValue))])
            var earlier: [ClosedRange<Position>] = []
            for row in found {
                let first = Position(UInt64(try row.int64(0)))
                earlier.append(first...Position(UInt64(try row.int64(1))))
            }
            finish(batch, try AppendAnswer(batch, rows, earlier: earlier))
            // What the lost attempt stored nobody here has announced.
            observers.grew(to: head)
        } catch let error as PostgresError where !error.leavesDoubt {
            fail(batch, error)
        }
    }

    /// As many workers as batches may be under way; they share the connection's pipeline.
    private func work(_ connection: PostgresConnection) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<configuration.queue.maxInFlight {
                group.addTask { try await self.sendBatches(over: connection) }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func sendBatches(over connection: PostgresConnection) async throws {
        while true {
            try Task.checkCancellation()
            guard let entries = connectionIsUp ? queue.next() : nil else {
                await park()
                continue
            }
            var batch = AppendBatch(id: .random(), entries: entries, sentAfter: head)
            do {
                let rows = try await connection.execute(SQLText.append, batch.parameters)
                let answer = try AppendAnswer(batch, rows)
                queue.batchEnded()
                finish(batch, answer)
            } catch let error as PostgresError where !error.leavesDoubt {
                queue.batchEnded()
                fail(batch, error)
                if error.storeIsAway, !error.mayPass { throw error }
            } catch {
                queue.batchEnded()
                batch.isInDoubt = true
                inDoubt.append(batch)
                inDoubt.sort { $0.entries[0].ticket < $1.entries[0].ticket }
                connectionIsUp = false
                throw error
            }
        }
    }

    // MARK: Answers

    private func finish(_ batch: AppendBatch, _ answer: AppendAnswer) {
        head = max(head, answer.head)
        gauges.set(queue)
        state = .available
        for (entry, result) in zip(batch.entries, answer.results) {
            self.answer(entry.ticket, result)
        }
        if !answer.recorded.isEmpty { observers.committed(answer.recorded) }
        wakeWorker()
    }

    /// The statement failed as a whole and stored nothing. When that may be one request's fault,
    /// each travels alone next, so that only the culprit fails again.
    private func fail(_ batch: AppendBatch, _ error: PostgresError) {
        logger.error(
            "The store refused a batch",
            [.sqlState: .init(error.sqlState ?? ""), .error: .init(error.message)])
        if error.storeIsAway { state = StoreState(error) }
        if error.code == .rejected, batch.entries.count > 1 {
            queue.giveBack(
                batch.entries.filter { callers[$0.ticket] != nil }.map {
                    BatchQueue.Entry(ticket: $0.ticket, append: $0.append, isAlone: true)
                })
        } else {
            for entry in batch.entries { answer(entry.ticket, .failure(EventsError(store: error))) }
        }
        wakeWorker()
    }

    /// The store was away for too long: nobody waits any longer.
    private func giveUp() {
        refusing = true
        for entry in queue.removeAll() { answer(entry.ticket, .failure(.away(state))) }
        for entry in inDoubt.flatMap(\.entries) {
            answer(entry.ticket, .failure(.outcomeUnknown))
        }
        inDoubt = []
    }

    private func stop() {
        stopped = true
        connectionIsUp = false
        giveUp()
    }

    // MARK: Workers

    private func park() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // Work may have come since the caller looked: a call may let others in.
                if Task.isCancelled || (connectionIsUp && queue.isReady) {
                    continuation.resume()
                } else {
                    idle.append(continuation)
                }
            }
        } onCancel: {
            loop.execute { self.assumeIsolated { $0.wakeAll() } }
        }
    }

    private func wakeWorker() {
        if connectionIsUp, queue.isReady { idle.popLast()?.resume() }
    }

    private func wakeAll() {
        let all = idle
        idle = []
        for worker in all { worker.resume() }
    }
}

extension PostgresError {
    /// Whether the statement may have taken effect although it failed. What the server refuses, it
    /// rolls back.
    var leavesDoubt: Bool {
        switch code {
        case .connectionLost, .crashed, .shuttingDown: true
        default: sqlState == nil
        }
    }

    /// Whether another connection would not help.
    var mayPass: Bool { code == .diskFull || code == .outOfMemory }
}

extension UUIDBits {
    static func random() -> UUIDBits {
        UUIDBits(high: .random(in: .min ... .max), low: .random(in: .min ... .max))
    }
}
