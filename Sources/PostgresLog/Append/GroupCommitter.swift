import Events
import IO
import Postgres
import Synchronization
import Telemetry

/// Gathers concurrent appends into batches and sends them, one statement a batch, over one
/// connection: more writers only queue for the same row, and one connection keeps the order.
///
/// A caller hands its request over and waits on a continuation, which leads it straight back to its
/// own loop: calls never run here. The next batch is sent before the answer to the last one is
/// looked into, so that Postgres need not wait for us.
actor GroupCommitter {
    struct Configuration: Sendable {
        var queue = BatchQueue.Limits()
        /// How long requests without a deadline wait for a store that went away.
        var patience: Duration = .seconds(5)
        /// As ``PostgresEventLog/Configuration/troubleTime``.
        var troubleTime: Duration = .seconds(30)

        init() {}
    }

    /// A request and who waits for its outcome.
    private struct Request: Sendable {
        let ticket: UInt64
        let append: PreparedAppend
        let insists: Bool
        let caller: UnsafeContinuation<[AppendOutcome]?, any Error>
    }

    /// Opens a session on the loop; the closure is called there once when it ends.
    typealias Connect =
        @Sendable (@escaping @Sendable (PostgresConnection) -> Void) async throws ->
        PostgresConnection

    nonisolated let loop: IOLoop
    let connect: Connect
    let configuration: Configuration
    let logger: Logger
    let observers: LogObservers
    let directory: Directory
    private let gauges: WaitingGauges
    let clock: any Clock<Duration>

    private nonisolated let tickets = Atomic<UInt64>(0)
    /// From threads other than the loop's.
    private nonisolated let inbox = Lock([Request]())

    var queue: BatchQueue
    private var callers: [UInt64: UnsafeContinuation<[AppendOutcome]?, any Error>] = [:]
    private var batches: UInt64 = 0
    private var willSend = false
    private var stopped = false
    /// Sent, and not answered: oldest first.
    private var sent: [AppendBatch] = []
    /// Sent, and not settled when the connection ended: oldest first.
    var unsettled: [AppendBatch] = []
    private(set) var state = StoreState.connecting {
        didSet { if state != oldValue { observers.stateChanged(to: state) } }
    }
    /// Failures that may pass while the connection stays.
    private var troubles: UInt64 = 0
    var head = Position.zero
    /// Of the log; 0 before it is known.
    var epoch: UInt64 = 0
    /// What waits may have numbers of another epoch. Only while there is no connection.
    var hasStrangers = false
    /// Open, with nothing in doubt.
    var connection: PostgresConnection?
    /// Who keeps the connection, while it is up.
    var keeper: CheckedContinuation<Void, any Error>?
    var patienceTimer: IOTimer?

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.asUnownedSerialExecutor()
    }

    init(
        on loop: IOLoop, configuration: Configuration, observers: LogObservers,
        directory: Directory, gauges: WaitingGauges, logger: Logger,
        clock: any Clock<Duration> = ContinuousClock(), connect: @escaping Connect
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
    /// of another epoch than the log is in as far as is known here: to be prepared again.
    ///
    /// - Parameter insists: It was. Who learnt of another epoch may be ahead of us: the connection
    ///   is opened anew, which tells.
    nonisolated func append(
        _ append: PreparedAppend, insists: Bool
    ) async throws -> [AppendOutcome]? {
        let ticket = tickets.wrappingAdd(1, ordering: .relaxed).newValue
        return try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { caller in
                hand(
                    Request(ticket: ticket, append: append, insists: insists, caller: caller))
                // The handler may have looked before the request was there.
                if Task.isCancelled { cancel(ticket, of: append.account) }
            }
        } onCancel: {
            cancel(ticket, of: append.account)
        }
    }

    private nonisolated func hand(_ request: Request) {
        if loop.isOnLoop {
            assumeIsolated { $0.take(request) }
            return
        }
        let isFirst = inbox.withLock { waiting in
            waiting.append(request)
            return waiting.count == 1
        }
        if isFirst { loop.execute { self.assumeIsolated { $0.emptyInbox() } } }
    }

    private func emptyInbox() {
        let requests = inbox.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
        for request in requests { take(request) }
    }

    private func take(_ request: Request) {
        if stopped {
            request.caller.resume(throwing: EventsError.away(.unavailable))
            return
        }
        let isStrange = epoch != 0 && request.append.epoch != epoch
        if isStrange, connection != nil, !request.insists {
            request.caller.resume(returning: nil)
            return
        }
        var entry = BatchQueue.Entry(
            ticket: request.ticket, append: request.append, deadline: request.append.deadline)
        if connection == nil, entry.deadline == nil {
            entry.deadline = .now + configuration.patience
        }
        if let refusal = queue.add(entry) {
            gauges.refused.increment()
            request.caller.resume(
                throwing: refusal == .share
                    ? EventsError.tenantOverloaded(
                        request.append.account, retryAfter: .seconds(1))
                    : EventsError.overloaded(retryAfter: .seconds(1)))
            return
        }
        callers[request.ticket] = request.caller
        if isStrange {
            hasStrangers = true
            if connection != nil { lose(Self.otherEpoch) }
        }
        sendSoon()
    }

    /// What is under way is stored or not; the caller no longer wants to know.
    private nonisolated func cancel(_ ticket: UInt64, of account: TenantID) {
        loop.execute {
            self.assumeIsolated { committer in
                committer.emptyInbox()
                guard let caller = committer.callers.removeValue(forKey: ticket) else { return }
                _ = committer.queue.remove(ticket, of: account)
                caller.resume(throwing: CancellationError())
            }
        }
    }

    func isAwaited(_ entry: BatchQueue.Entry) -> Bool { callers[entry.ticket] != nil }

    private func answer(_ entry: BatchQueue.Entry, _ result: Result<[AppendOutcome], EventsError>) {
        callers.removeValue(forKey: entry.ticket)?.resume(
            with: result.map(Optional.some).mapError { $0 })
    }

    // MARK: Batches

    /// Behind what the loop has to do already: it may bring more requests.
    private func sendSoon() {
        guard !willSend, connection != nil, queue.isReady else { return }
        willSend = true
        loop.execute {
            self.assumeIsolated { committer in
                committer.willSend = false
                committer.sendWhatIsReady()
            }
        }
    }

    func sendWhatIsReady() {
        while let connection, let entries = queue.next() {
            batches += 1
            let batch = AppendBatch(
                id: .random(), number: batches, entries: entries, sentAfter: head)
            sent.append(batch)
            send(batch, as: LoneAppend(batch), over: connection)
        }
        gauges.set(queue)
    }

    private func send(
        _ batch: AppendBatch, as lone: LoneAppend?, over connection: PostgresConnection
    ) {
        let statement = lone == nil ? SQLText.append : SQLText.appendOne
        let parameters = lone?.parameters ?? batch.parameters
        connection.assumeIsolated { connection in
            connection.execute(statement, parameters) { result in
                self.assumeIsolated { $0.answered(batch, lone, result) }
            }
        }
    }

    private func answered(
        _ batch: AppendBatch, _ lone: LoneAppend?, _ result: Result<Rows, PostgresError>
    ) {
        do throws(PostgresError) {
            let rows = try result.get()
            if let lone {
                guard let answer = try lone.answer(rows) else { return sendAgain(batch) }
                ended(batch)
                sendWhatIsReady()
                return finish(batch, answer)
            }
            ended(batch)
            sendWhatIsReady()
            finish(batch, try AppendAnswer(batch, rows))
        } catch {
            ended(batch)
            guard error.leavesDoubt || error.storeIsAway && !error.mayPass else {
                fail(batch, error)
                return
            }
            var batch = batch
            batch.isInDoubt = error.leavesDoubt
            unsettled.append(batch)
            unsettled.sort { $0.number < $1.number }
            lose(error)
        }
    }

    private func ended(_ batch: AppendBatch) {
        guard let index = sent.firstIndex(where: { $0.number == batch.number }) else { return }
        sent.remove(at: index)
        queue.batchEnded()
    }

    /// The lone event is known: what is there is asked for as for any batch.
    private func sendAgain(_ batch: AppendBatch) {
        if let connection { return send(batch, as: nil, over: connection) }
        ended(batch)
        unsettled.append(batch)
        unsettled.sort { $0.number < $1.number }
    }

    func finish(_ batch: AppendBatch, _ answer: AppendAnswer) {
        head = max(head, answer.head)
        state = .available
        for (entry, result) in zip(batch.entries, answer.results) { self.answer(entry, result) }
        if !answer.recorded.isEmpty { observers.committed(answer.recorded) }
    }

    /// The statement failed as a whole and stored nothing. When that may be one request's fault,
    /// each travels alone next, so that only the culprit fails again.
    func fail(_ batch: AppendBatch, _ error: PostgresError) {
        if error.isStall {
            stall(batch, error)
            return
        }
        logger.error(
            "The store refused a batch",
            [.sqlState: .init(error.sqlState ?? ""), .error: .init(error.message)])
        if error.storeIsAway { heedTrouble(StoreState(error)) }
        if error.code == .rejected, batch.entries.count > 1 {
            let overtaken = overtakenAccounts
            var again: [BatchQueue.Entry] = []
            for entry in batch.entries where isAwaited(entry) {
                if overtaken.contains(entry.append.account) {
                    answer(entry, .failure(.stalled))
                } else {
                    again.append(
                        BatchQueue.Entry(
                            ticket: entry.ticket, append: entry.append, deadline: entry.deadline,
                            isAlone: true))
                }
            }
            queue.giveBack(again)
        } else {
            for entry in batch.entries { answer(entry, .failure(EventsError(store: error))) }
        }
        sendSoon()
    }

    /// Of who has later requests under way, which the ones before them may not follow.
    private var overtakenAccounts: Set<TenantID> {
        Set(sent.flatMap { $0.entries.map(\.append.account) })
    }

    private func heedTrouble(_ trouble: StoreState) {
        state = trouble
        troubles += 1
        forgetLater(troubles)
    }

    /// Only an append would show that it has passed.
    private func forgetLater(_ trouble: UInt64) {
        _ = loop.schedule(after: configuration.troubleTime) { [weak self] in
            self?.assumeIsolated { committer in
                guard committer.troubles == trouble else { return }
                if committer.connection == nil { return committer.forgetLater(trouble) }
                committer.state = .available
            }
        }
    }

    /// Nothing was stored. Who has time left goes again, but not past a later request of the same
    /// account that is under way.
    private func stall(_ batch: AppendBatch, _ error: PostgresError) {
        logger.error(
            "The store took too long for a batch", [.sqlState: .init(error.sqlState ?? "")])
        let overtaken = overtakenAccounts
        let now = MonotonicTime.now
        var again: [BatchQueue.Entry] = []
        for entry in batch.entries where isAwaited(entry) {
            let deadline = entry.deadline ?? batch.sentAt + configuration.patience
            if deadline <= now || overtaken.contains(entry.append.account) {
                answer(entry, .failure(.stalled))
            } else {
                var entry = entry
                entry.deadline = deadline
                again.append(entry)
            }
        }
        queue.giveBack(again)
        sendSoon()
    }

    // MARK: A store that is away

    func storeIsAway(_ state: StoreState) {
        if state == .diskFull { heedTrouble(state) } else { self.state = state }
    }

    func storeIsBack() {
        // Only an append shows that a full disk has room again.
        if state != .diskFull { state = .available }
    }

    /// Tells those whose time is over that the store is away.
    ///
    /// - Parameter usual: When the time of those is over who have no time of their own.
    func endWaiting(usual: MonotonicTime) {
        let now = MonotonicTime.now
        endWaiting { ($0.deadline ?? usual) <= now }
    }

    private func endWaiting(where isOver: (BatchQueue.Entry) -> Bool) {
        for entry in queue.removeAll(where: isOver) { answer(entry, .failure(.away(state))) }
        for batch in unsettled {
            let refusal = batch.isInDoubt ? EventsError.outcomeUnknown : .away(state)
            for entry in batch.entries where isOver(entry) { answer(entry, .failure(refusal)) }
        }
        unsettled.removeAll { !$0.entries.contains(where: isAwaited) }
        gauges.set(queue)
    }

    func stop() {
        stopped = true
        connection = nil
        patienceTimer?.cancel()
        emptyInbox()
        endWaiting { _ in true }
    }
}
