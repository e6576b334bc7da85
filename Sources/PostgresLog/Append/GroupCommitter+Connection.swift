import Events
import IO
import Postgres
import Telemetry

// The connection. When it dies with batches under way, nobody is answered: after reconnecting, to
// the same server or to another, the same batch goes again, and the ids tell what the lost attempt
// had stored.
extension GroupCommitter {
    /// Keeps a connection, until the task is cancelled.
    func run() async throws {
        defer { stop() }
        var pause = Backoff()
        while true {
            do {
                let connection = try await connect { [loop] ended in
                    loop.execute { self.assumeIsolated { $0.connectionEnded(ended) } }
                }
                do {
                    try await open(connection)
                    pause = Backoff()
                    try await keep(connection)
                } catch {
                    await connection.close()
                    throw error
                }
            } catch {
                connection = nil
                try Task.checkCancellation()
                storeIsAway(StoreState(error))
                waitPatiently()
                logger.warning("Lost the log's connection", [.error: .init("\(error)")])
            }
            try await clock.sleep(for: pause.delay())
        }
    }

    /// Opens an epoch if need be and settles what an earlier connection left.
    private func open(_ connection: PostgresConnection) async throws {
        let bounds = try await connection.openEpoch(knowing: observers.history)
        if bounds.epoch.id == epoch {
            head = max(head, bounds.head)
        } else {
            try await follow(bounds)
        }
        observers.reached(bounds)
        while let batch = unsettled.first {
            try await settle(batch, on: connection)
            unsettled.removeAll { $0.number == batch.number }
        }
        while hasStrangers { try await renumberStrangers() }
        patienceTimer?.cancel()
        patienceTimer = nil
        storeIsBack()
    }

    /// The log is in another epoch: what waits gets the numbers which its tenants and types have
    /// there, and keeps its place.
    private func follow(_ bounds: LogBounds) async throws {
        epoch = bounds.epoch.id
        head = bounds.head
        hasStrangers = true
        directory.follow(epoch)
        do {
            for batch in unsettled {
                let entries = try await renumbered(batch.entries)
                for index in unsettled.indices where unsettled[index].number == batch.number {
                    unsettled[index].restart(entries, after: head)
                }
            }
        } catch {
            epoch = 0
            throw error
        }
    }

    /// More may come meanwhile.
    private func renumberStrangers() async throws {
        hasStrangers = false
        directory.follow(epoch)
        var waiting = queue.removeAll { _ in true }
        defer { queue.giveBack(waiting.filter(isAwaited)) }
        do {
            waiting = try await renumbered(waiting)
        } catch {
            hasStrangers = true
            throw error
        }
    }

    private func renumbered(_ entries: [BatchQueue.Entry]) async throws -> [BatchQueue.Entry] {
        var renumbered: [BatchQueue.Entry] = []
        for entry in entries {
            if entry.append.epoch == epoch {
                renumbered.append(entry)
                continue
            }
            let numbers = try await directory.numbers(for: entry.append.events)
            guard numbers.epoch == epoch else { throw Self.otherEpoch }
            renumbered.append(
                BatchQueue.Entry(
                    ticket: entry.ticket,
                    append: PreparedAppend(entry.append, renumbered: numbers),
                    deadline: entry.deadline, isAlone: entry.isAlone))
        }
        return renumbered
    }

    private func settle(_ doubtful: AppendBatch, on connection: PostgresConnection) async throws {
        // Who gave up was told that nobody knows: it is not stored behind their back.
        let batch = doubtful.keeping(isAwaited)
        if batch.entries.isEmpty { return }
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
            // The lost attempt may hold the lock that this one waited for, and be stored yet.
            if error.storeIsAway || error.isStall { throw error }
            // Then the lost attempt stored nothing either: it would have been found.
            fail(batch, error)
        } catch {
            for index in unsettled.indices where unsettled[index].number == doubtful.number {
                unsettled[index].isInDoubt = true
            }
            throw error
        }
    }

    /// Returns by throwing, when the connection has ended or the task is cancelled.
    private func keep(_ connection: PostgresConnection) async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation {
                (continuation: CheckedContinuation<Void, any Error>) in
                if Task.isCancelled {
                    continuation.resume(throwing: CancellationError())
                    return
                }
                guard connection.assumeIsolated({ $0.isOpen }) else {
                    continuation.resume(throwing: Self.ended)
                    return
                }
                keeper = continuation
                self.connection = connection
                sendWhatIsReady()
            }
        } onCancel: {
            loop.execute { self.assumeIsolated { $0.lose(CancellationError()) } }
        }
    }

    private static let ended = PostgresError(.connectionLost, "the connection ended")
    static let otherEpoch = PostgresError(.connectionLost, "the log may be in another epoch")

    private func connectionEnded(_ ended: PostgresConnection) {
        if ended === connection { lose(Self.ended) }
    }

    /// Nothing more is sent over the connection; its keeper closes it and connects anew.
    func lose(_ error: any Error) {
        connection = nil
        keeper.take()?.resume(throwing: error)
    }

    // MARK: Patience

    /// From now on deadlines are looked at, until the store is back.
    private func waitPatiently() {
        if patienceTimer == nil { lookAtDeadlines(usual: .now + configuration.patience) }
    }

    private func lookAtDeadlines(usual: MonotonicTime) {
        let pause = min(configuration.patience, .milliseconds(250))
        patienceTimer = loop.schedule(after: pause) { [unowned self] in
            assumeIsolated { committer in
                committer.endWaiting(usual: usual)
                committer.lookAtDeadlines(usual: usual)
            }
        }
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
        let generator = SharedRandom()
        return UUIDBits(high: generator.next(), low: generator.next())
    }
}
