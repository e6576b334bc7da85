import IO

/// A transaction that is open. Only for use within the body it was given to.
public struct PostgresTransaction: Sendable {
    let connection: PostgresConnection
    let turn: UInt64

    /// - Throws: ``PostgresError``; the transaction can only be rolled back then.
    public nonisolated(nonsending) func execute(
        _ statement: Statement, _ parameters: [Parameter] = []
    ) async throws -> Rows {
        try await connection.run(statement, try EncodedParameters(parameters), turn: turn)
    }

    /// Any number of statements, in text and without answers.
    public nonisolated(nonsending) func script(_ sql: String) async throws {
        try await connection.runScript(sql, turn: turn)
    }
}

extension PostgresConnection {
    /// Runs `body` in one transaction, alone on the connection: committed when it returns, rolled
    /// back when it throws.
    ///
    /// The transaction begins with its first statement, in the same round trip.
    ///
    /// - Throws: ``PostgresError``, or what `body` throws. After an error of the commit itself
    ///   (`.connectionLost`, `.crashed`, `CancellationError`) its outcome is open.
    public nonisolated(nonsending) func transaction<Result: Sendable>(
        _ isolation: TransactionIsolation = .readCommitted,
        _ body: (PostgresTransaction) async throws -> Result
    ) async throws -> Result {
        let turn = try await takeTurn(transaction: isolation)
        let result: Result
        do {
            result = try await body(PostgresTransaction(connection: self, turn: turn))
        } catch {
            await rollBack(turn)
            throw error
        }
        try await commit(turn)
        return result
    }

    /// Waits until the connection is free of other turns.
    func takeTurn(transaction: TransactionIsolation?) async throws -> UInt64 {
        nextID += 1
        let turn = Turn(id: nextID, transaction: transaction)
        try await withTaskCancellationHandler {
            try await suspended { (waiter: Waiter<Void, any Error>) in
                do {
                    try Task.checkCancellation()
                    _ = try requireOpen()
                } catch {
                    waiter.resume(throwing: error)
                    return
                }
                turnWaiters[turn.id] = waiter
                waiting.append(.turn(turn))
                pump()
            }
        } onCancel: {
            loop.execute {
                self.assumeIsolated {
                    $0.turnWaiters.removeValue(forKey: turn.id)?
                        .resume(throwing: CancellationError())
                }
            }
        }
        return turn.id
    }

    private func commit(_ turn: UInt64) async throws {
        _ = try requireOpen()
        guard holder?.id == turn, holder?.hasBegun == true else {
            release(turn)
            return
        }
        nextID += 1
        let id = nextID
        let rows = try await withTaskCancellationHandler {
            try await suspended { (waiter: Waiter<Rows, any Error>) in
                if Task.isCancelled {
                    rollBack(turn)
                    waiter.resume(throwing: CancellationError())
                    return
                }
                askers[id] = .task(waiter)
                submit(
                    Request(
                        id: id, statement: TransactionIsolation.commit, parameters: .none,
                        isDetached: true), turn: turn)
                // Who comes next is sent behind the commit, and need not wait for its answer.
                release(turn)
            }
        } onCancel: {
            loop.execute {
                self.assumeIsolated { $0.askers.removeValue(forKey: id)?.cancel() }
            }
        }
        // A commit of a transaction that failed before is answered with a rollback.
        guard rows.commandTag == "COMMIT" else {
            throw PostgresError(
                .rejected, "the transaction failed before its commit", sqlState: "25P02")
        }
    }

    private func rollBack(_ turn: UInt64) {
        if isOpen, holder?.id == turn, holder?.hasBegun == true {
            nextID += 1
            submit(
                Request(
                    id: nextID, statement: TransactionIsolation.rollback, parameters: .none,
                    isDetached: true), turn: turn)
        }
        release(turn)
    }

    /// Gives the connection back, once the script that may run has ended.
    func release(_ turn: UInt64) {
        guard holder?.id == turn else { return }
        if script != nil {
            holder?.isOver = true
        } else {
            holder = nil
            pump()
        }
    }
}
