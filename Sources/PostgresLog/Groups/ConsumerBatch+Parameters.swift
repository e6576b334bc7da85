import Events
import Postgres

extension ConsumerBatch {
    /// Those of `SQL/consume.sql`.
    var parameters: [Parameter] {
        var parameters: [Parameter] = [
            .int4(consumer), .text(node), .bool(isDurable), .bool(isRepeated),
            .partitions(shares.map(\.partition)), .int8Array(shares.map(\.fence)),
            .int8Array(shares.map(\.serial)), .positions(shares.map(\.cursor)),
            .boolArray(shares.map(\.isReleased)),
        ]
        parameters += [
            .partitions(rows.map(\.partition)), .positions(rows.map(\.work.position)),
            .int2Array(rows.map { Int16($0.work.state.rawValue) }),
            .int4Array(rows.map { Int32(clamping: $0.work.attempt) }),
            .int4Array(rows.map { Int32(clamping: $0.work.lost) }),
            .int4Array(rows.map(\.work.ticket)), .int8Array(rows.map(\.work.fence)),
            .int8Array(
                rows.map { row in
                    row.work.delay > .zero ? LedgerColumns.microseconds(row.work.delay) : nil
                }),
            .boolArray(rows.map(\.work.isRevived)),
            .int2Array(rows.map { Int16($0.heeded?.rawValue ?? 0) }),
        ]
        let written = finished.filter(\.isWritten)
        parameters += [
            .partitions(written.map(\.partition)), .positions(written.map(\.position)),
            .int2Array(written.map { Int16($0.resolution.rawValue) }),
            .partitions(deadLetters.map(\.partition)), .positions(deadLetters.map(\.position)),
            .textArray(deadLetters.map(\.reason)),
            .partitions(lanes.map(\.partition)), .textArray(lanes.map(\.scope.tenant.rawValue)),
            .textArray(lanes.map { $0.scope.key ?? "" }),
            .int8Array(lanes.map { lane in lane.position.map { Int64($0.rawValue) } }),
        ]
        return parameters + ledger + [.positions(shares.map(\.begun))]
    }

    private var ledger: [Parameter] {
        let nexts = records.map { record in
            record.retryAfter.map {
                record.startedAt.microseconds
                    + LedgerColumns.microseconds(record.duration + $0)
            }
        }
        return [
            .partitions(records.map(\.partition)), .positions(records.map(\.position)),
            .int4Array(records.map { Int32(clamping: $0.attempt) }),
            .int2Array(records.map { Int16($0.outcome.rawValue) }),
            .timestamptzArray(records.map(\.startedAt.microseconds)),
            .int8Array(records.map { LedgerColumns.microseconds($0.duration) }),
            .textArray(records.map(\.message)), .boolArray(records.map { $0.retryAfter != nil }),
            .timestamptzArray(nexts),
        ]
    }
}

extension Parameter {
    static func partitions(_ partitions: [Int]) -> Parameter {
        .int2Array(partitions.map { Int16($0) })
    }
}
