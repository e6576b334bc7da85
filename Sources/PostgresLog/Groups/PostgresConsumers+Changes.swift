import Events
import Postgres

// Batches that change projections' rows.
extension PostgresConsumers {
    /// What the store made of a batch.
    struct Recorded {
        var answer = BatchAnswer()
        /// Succeeded, but somebody else had closed their dead letters, and had their changes made.
        var overtaken: Set<Position> = []

        /// - Parameter rows: As `SQL/consume.sql` has them.
        init(_ rows: Rows) throws(PostgresError) {
            for row in rows {
                let number = try row.int64(1)
                switch try row.int32(0) {
                case 1: answer.refused.insert(Int(number))
                case 2: answer.remarked.insert(Position(UInt64(clamping: number)))
                default: overtaken.insert(Position(UInt64(clamping: number)))
                }
            }
        }
    }

    /// Nothing is to stay of the transaction.
    private struct TakenBack: Error {
        let unacceptable: Set<Position>
    }

    /// The work and the changes are one transaction: what counts as done has its changes made, once.
    ///
    /// Source: `SQL/consume.sql`, `SQL/consumed.sql`, the projections' statements.
    func commitChanges(_ batch: ConsumerBatch) async throws -> BatchAnswer {
        do {
            return try await commitChanges(batch, eachAlone: false)
        } catch BooksError.changeRefused {
            do {
                return try await commitChanges(batch, eachAlone: true)
            } catch let error as TakenBack {
                return BatchAnswer(unacceptable: error.unacceptable)
            }
        }
    }

    /// - Parameter isAlone: Each event's changes are tried alone, to find those that are refused.
    private func commitChanges(
        _ batch: ConsumerBatch, eachAlone isAlone: Bool
    ) async throws -> BatchAnswer {
        try await store.transaction { transaction in
            if batch.isRepeated {
                let shares = try await transaction.execute(
                    GroupSQL.consumed,
                    [
                        .int4(batch.consumer), .partitions(batch.shares.map(\.partition)),
                        .int8Array(batch.shares.map(\.fence)),
                        .int8Array(batch.shares.map(\.serial)),
                    ])
                if !shares.isEmpty {
                    // It was recorded before, with its changes.
                    return try Recorded(
                        try await transaction.execute(GroupSQL.consume, batch.parameters)
                    ).answer
                }
            }
            let recorded = try Recorded(
                try await transaction.execute(GroupSQL.consume, batch.parameters))
            let changes = batch.changes.filter { change in
                !recorded.answer.refused.contains(change.partition)
                    && !recorded.overtaken.contains(change.position)
            }
            if isAlone {
                let unacceptable = try await transaction.tryEach(changes)
                if !unacceptable.isEmpty { throw TakenBack(unacceptable: unacceptable) }
            } else {
                try await transaction.apply(changes.flatMap(\.changes))
            }
            return recorded.answer
        }
    }
}

extension PostgresTransaction {
    /// Applies each event's changes.
    ///
    /// - Returns: The events whose changes the server refuses.
    fileprivate nonisolated(nonsending) func tryEach(
        _ changes: [ConsumerBatch.Change]
    ) async throws -> Set<Position> {
        var unacceptable: Set<Position> = []
        for change in changes {
            _ = try await execute(ConsumerSQL.savepoint, [])
            do {
                try await apply(change.changes)
                _ = try await execute(ConsumerSQL.savepointRelease, [])
            } catch BooksError.changeRefused {
                _ = try await execute(ConsumerSQL.savepointBack, [])
                unacceptable.insert(change.position)
            }
        }
        return unacceptable
    }
}
