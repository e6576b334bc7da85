import IO
import Telemetry

extension PostgresConnection {
    /// Runs any number of statements, in text and without answers: migrations.
    ///
    /// They are one transaction unless they say otherwise.
    ///
    /// - Throws: ``PostgresError``; `.rejected` also when the script leaves a transaction open, which
    ///   is rolled back.
    public func script(_ sql: String) async throws {
        let turn = try await takeTurn(transaction: nil)
        defer { release(turn) }
        try await runScript(sql, turn: turn)
        guard isOpen, let handle, handle.isInTransaction else { return }
        nextID += 1
        submit(
            Request(
                id: nextID, statement: TransactionIsolation.rollback, parameters: .none,
                isDetached: true), turn: turn)
        throw PostgresError(.rejected, "the script left a transaction open")
    }

    func runScript(_ sql: String, turn: UInt64) async throws {
        if let isolation = holder?.transaction, holder?.id == turn, holder?.hasBegun == false {
            holder?.hasBegun = true
            _ = try await run(isolation.begin, .none, turn: turn)
        }
        // libpq leaves pipeline mode only when nothing is outstanding.
        while !inFlight.isEmpty { try await waitUntilIdle() }
        try await withTaskCancellationHandler {
            try await suspended { waiter in
                do {
                    try Task.checkCancellation()
                    try startScript(sql, turn, waiter)
                } catch {
                    waiter.resume(throwing: error)
                }
            }
        } onCancel: {
            loop.execute {
                self.assumeIsolated {
                    $0.script?.waiter.take()?.resume(throwing: CancellationError())
                }
            }
        }
    }

    private func waitUntilIdle() async throws {
        try await suspended { waiter in
            if inFlight.isEmpty {
                waiter.resume()
            } else if idleWaiter != nil {
                waiter.resume(throwing: PostgresError(.rejected, "one script at a time"))
            } else {
                idleWaiter = waiter
            }
        }
    }

    private func startScript(
        _ sql: String, _ turn: UInt64, _ waiter: Waiter<Void, any Error>
    ) throws(PostgresError) {
        let handle = try requireOpen()
        guard let holder, holder.id == turn, !holder.isOver, script == nil, inFlight.isEmpty else {
            throw PostgresError(.rejected, "a script runs alone, within its transaction")
        }
        guard handle.leavePipeline(), handle.sendScript(sql) else {
            let error = PostgresError(.connectionLost, "libpq cannot send a script")
            end(error)
            throw error
        }
        script = Script(waiter: waiter)
        sentCount += 1
        flush(handle)
    }

    /// Reads what the server answers to the script, up to its end.
    func readScript(_ handle: ConnectionHandle) {
        while script != nil, !handle.isBusy {
            guard let result = handle.nextResult() else {
                scriptEnded(handle)
                return
            }
            switch result.status {
            case .failed:
                let failure = result.failure
                let error = ErrorClassifier.error(failure)
                if failure.endsSession { farewell = error }
                if script?.failure == nil { script?.failure = error }
            case .copy:
                end(PostgresError(.rejected, "a script cannot COPY"))
                return
            case .rows, .command, .aborted, .sync: break
            }
        }
    }

    private func scriptEnded(_ handle: ConnectionHandle) {
        guard let ended = script, !handle.isBad else { return }
        script = nil
        guard handle.enterPipeline() else {
            ended.waiter?.resume(
                throwing: PostgresError(.connectionLost, "libpq refuses to pipeline"))
            end(PostgresError(.connectionLost, "libpq refuses to pipeline"))
            return
        }
        for request in ended.behind {
            if let holder { sendWithin(holder, request) }
        }
        answered()
        if let holder, holder.isOver { release(holder.id) }
        if let failure = ended.failure {
            ended.waiter?.resume(throwing: failure)
        } else {
            ended.waiter?.resume()
        }
    }
}
