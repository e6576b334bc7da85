import Events
import Postgres

/// Runs as the arrays that the ledger's statements take.
enum LedgerColumns {
    /// Positions, attempts, outcomes, starts, microseconds, errors.
    static func parameters(_ runs: [HandlerRun]) -> [Parameter] {
        [
            .positions(runs.map(\.event.position)),
            .int4Array(runs.map { Int32(clamping: $0.attempt) }),
            .int2Array(runs.map { Int16($0.outcome.rawValue) }),
            .timestamptzArray(runs.map(\.startedAt.microseconds)),
            .int8Array(runs.map { microseconds($0.duration) }),
            .textArray(runs.map { $0.failure?.message }),
        ]
    }

    static func microseconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }

    static func record(_ row: Row) throws(PostgresError) -> DeliveryRecord {
        DeliveryRecord(
            consumer: try row.string(0), attempt: Int(try row.int32(1)),
            outcome: DeliveryOutcome(rawValue: Int(try row.int16(2))) ?? .failed,
            startedAt: Timestamp(microseconds: try row.timestamp(3)),
            duration: .microseconds(try row.int64(4)),
            errorMessage: try row.optionalString(5) ?? "", isRetryRequired: try row.bool(6),
            nextAttemptAt: try row.optionalTime(7), node: try row.string(8),
            replay: try row.optionalID(9))
    }
}
