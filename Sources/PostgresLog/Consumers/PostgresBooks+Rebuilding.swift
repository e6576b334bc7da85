public import Events
import Postgres

extension PostgresBooks {
    /// Retention dropped what is needed while the rows went.
    private struct Expired: Error {}

    /// One transaction, of statements that each change only so much: none of them is ended for taking
    /// too long, and who gives up is heard between them.
    ///
    /// Source: `SQL/rebuild_lock.sql`, `SQL/handler_rebuild.sql`, `SQL/rebuild_work.sql`,
    /// `SQL/rebuild_dead_letters.sql`, `SQL/rebuild_table.sql`, `SQL/rebuild_keep.sql`.
    public func rebuild(_ handler: String, tables: [String]) async throws -> Rebuild {
        do {
            return try await store.transaction { transaction in
                let lock = try await transaction.execute(
                    ConsumerSQL.rebuildLock, [.text(handler)])
                guard let consumer = try lock.first?.int32(0) else { return .unknown }
                guard let start = try await begin(consumer, in: transaction) else {
                    return .expired
                }
                try await dropWork(of: consumer, in: transaction)
                try await closeDeadLetters(of: consumer, after: start, in: transaction)
                for table in tables { try await empty(table, in: transaction) }
                // Retention went on meanwhile; it waits for the commit now.
                _ = try await transaction.execute(ConsumerSQL.rebuildKeep)
                guard try await begin(consumer, in: transaction) != nil else { throw Expired() }
                return .begun
            }
        } catch is Expired {
            return .expired
        }
    }

    /// - Returns: Where it begins; nil when retention has dropped what it needs.
    private nonisolated(nonsending) func begin(
        _ consumer: Int32, in transaction: PostgresTransaction
    ) async throws -> Int64? {
        try await transaction.execute(ConsumerSQL.handlerRebuild, [.int4(consumer)])
            .only().optionalInt64(0)
    }

    private nonisolated(nonsending) func dropWork(
        of consumer: Int32, in transaction: PostgresTransaction
    ) async throws {
        var last: (partition: Int16, position: Int64) = (-1, 0)
        while let row = try await transaction.execute(
            ConsumerSQL.rebuildWork,
            [
                .int4(consumer), .int2(last.partition), .int8(last.position),
                .int8(Int64(pageSize)),
            ]
        ).first {
            last = (try row.int16(0), try row.int64(1))
        }
    }

    private nonisolated(nonsending) func closeDeadLetters(
        of consumer: Int32, after start: Int64, in transaction: PostgresTransaction
    ) async throws {
        var last = start
        while let row = try await transaction.execute(
            ConsumerSQL.rebuildDeadLetters,
            [.int4(consumer), .int8(last), .int8(Int64(pageSize))]
        ).first {
            last = try row.int64(0)
        }
    }

    private nonisolated(nonsending) func empty(
        _ table: String, in transaction: PostgresTransaction
    ) async throws {
        var block: Int64 = 0
        while try await transaction.execute(
            ConsumerSQL.rebuildTable, [.text(table), .int8(block), .int8(Int64(pageSize))]
        )[0].bool(0) {
            block += Int64(pageSize)
        }
    }
}
