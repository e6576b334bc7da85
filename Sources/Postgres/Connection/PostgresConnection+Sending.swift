import IO
import Telemetry

extension PostgresConnection {
    /// Runs one statement in a transaction of its own.
    ///
    /// - Returns: Its rows, once what it did is durable.
    /// - Throws: ``PostgresError``; `CancellationError` when the task is cancelled, and whether the
    ///   statement runs is open then.
    public nonisolated(nonsending) func execute(
        _ statement: Statement, _ parameters: [Parameter] = []
    ) async throws -> Rows {
        try await run(statement, try EncodedParameters(parameters), turn: nil)
    }

    /// As ``execute(_:_:)`` for who lives on the connection's loop and has no task to spare.
    ///
    /// - Parameter then: Called once, on the loop; before this returns when there is no session.
    package func execute(
        _ statement: Statement, _ parameters: [Parameter],
        then: @escaping @Sendable (Result<Rows, PostgresError>) -> Void
    ) {
        let encoded: EncodedParameters
        do {
            encoded = try EncodedParameters(parameters)
        } catch {
            then(.failure(error))
            return
        }
        nextID += 1
        askers[nextID] = .callback(then)
        submit(Request(id: nextID, statement: statement, parameters: encoded), turn: nil)
    }

    /// - Parameter turn: Of the transaction it belongs to.
    func run(
        _ statement: Statement, _ parameters: EncodedParameters, turn: UInt64?
    ) async throws -> Rows {
        nextID += 1
        let id = nextID
        return try await withTaskCancellationHandler {
            try await suspended { waiter in
                if Task.isCancelled {
                    waiter.resume(throwing: CancellationError())
                    return
                }
                askers[id] = .task(waiter)
                submit(Request(id: id, statement: statement, parameters: parameters), turn: turn)
            }
        } onCancel: {
            loop.execute { self.assumeIsolated { $0.cancel(id) } }
        }
    }

    private func cancel(_ id: UInt64) {
        askers.removeValue(forKey: id)?.cancel()
    }

    /// Sends a request, or lets it wait its turn.
    func submit(_ request: Request, turn: UInt64?) {
        do {
            _ = try requireOpen()
        } catch {
            finish(request.id, .failure(error))
            return
        }
        guard let turn else {
            guard waiting.count < configuration.maxWaiting else {
                let error = PostgresError(.overloaded, "too many statements wait")
                finish(request.id, .failure(error))
                return
            }
            waiting.append(.request(request))
            pump()
            return
        }
        guard let current = holder, current.id == turn, !current.isOver else {
            let error = PostgresError(.rejected, "the transaction is over")
            finish(request.id, .failure(error))
            return
        }
        if script != nil {
            script?.behind.append(request)
        } else {
            sendWithin(current, request)
        }
    }

    /// Sends a request of the holder; its first one starts the transaction.
    func sendWithin(_ turn: Turn, _ request: Request) {
        var request = request
        if let isolation = turn.transaction, !turn.hasBegun {
            request.begins = isolation
            holder?.hasBegun = true
        }
        send(request)
    }

    /// Sends what may be sent.
    func pump() {
        while holder == nil, isOpen, let next = waiting.first {
            switch next {
            case .request(let request):
                guard inFlight.count < configuration.maxInFlight else { return }
                _ = waiting.popFirst()
                let isWanted = request.isDetached || askers[request.id] != nil
                if isWanted { send(request) }
            case .turn(let turn):
                _ = waiting.popFirst()
                guard let waiter = turnWaiters.removeValue(forKey: turn.id) else { continue }
                holder = turn
                waiter.resume()
            }
        }
    }

    /// Puts the request's commands and a sync into the pipeline.
    private func send(_ request: Request) {
        guard isOpen, let handle else { return }
        var request = request
        var commands = 0
        var sent = true
        if let isolation = request.begins {
            _ = put(isolation.begin, .none, into: &request, &commands, &sent, handle)
        }
        request.entry = put(
            request.statement, request.parameters, into: &request, &commands, &sent, handle)
        guard sent, handle.sendSync() else {
            finish(request.id, .failure(PostgresError(.connectionLost, "libpq cannot send")))
            end(PostgresError(.connectionLost, "libpq cannot send"))
            return
        }
        if inFlight.isEmpty { lastProgress = .now }
        replies.expect(commands: commands)
        inFlight.append(request)
        sentCount += 1
        flush(handle)
        startWatchdog()
    }

    /// Puts one statement into the pipeline, and its preparation before it when it is new here.
    private func put(
        _ statement: Statement, _ parameters: EncodedParameters, into request: inout Request,
        _ commands: inout Int, _ sent: inout Bool, _ handle: ConnectionHandle
    ) -> PreparedStatements.Entry {
        let (entry, isNew) = prepared.entry(for: statement, parameters)
        if isNew {
            request.preparing.append((commands, entry, statement))
            sent =
                sent
                && handle.sendPrepare(name: entry.name, sql: statement.sql, types: entry.types)
            commands += 1
        }
        sent = sent && handle.sendExecute(name: entry.name, parameters)
        commands += 1
        return entry
    }

    func flush(_ handle: ConnectionHandle) {
        switch handle.flush() {
        case .done: registration?.update(.read)
        case .more: registration?.update([.read, .write])
        // The reader finds the connection broken, and perhaps the server's words on why.
        case .failed: registration?.update(.read)
        }
    }

    // MARK: A server that does not answer

    /// A statement ends by the server's own time limit; when nothing comes for longer than that, the
    /// server or the way to it is gone.
    private func startWatchdog() {
        guard watchdog == nil, let limit = answerLimit else { return }
        watchdog = loop.schedule(after: limit) { self.assumeIsolated { $0.checkProgress() } }
    }

    private var answerLimit: Duration? { configuration.statementTimeout.map { $0 + .seconds(5) } }

    private func checkProgress() {
        watchdog = nil
        guard !inFlight.isEmpty, isOpen, let limit = answerLimit else { return }
        let silence = ContinuousClock.now - lastProgress
        guard silence < limit else {
            logger.warning("Postgres stopped answering", [.duration: .init(silence)])
            end(PostgresError(.connectionLost, "no answer within \(limit)"))
            return
        }
        watchdog = loop.schedule(after: limit - silence) {
            self.assumeIsolated { $0.checkProgress() }
        }
    }
}
