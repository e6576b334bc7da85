import Postgres
import Telemetry

/// How many positions a new partition has. Whole partitions are dropped, so a log of which little is
/// kept, or into which little is written, needs small ones.
struct PartitionSizing: Sendable {
    /// Partitions that a log within its limits consists of, about.
    static let partitions: Int64 = 10
    static let sizes: ClosedRange<Int64> = 10_000...1_000_000

    let policy: RetentionPolicy
    /// What the operator chose; nil to go by the policy.
    let chosen: Int64?
    let pool: PostgresPool
    let wall: any WallClock

    /// What a log holds.
    struct Stock: Equatable {
        let events: Int64
        let bytes: Int64
        /// Of the time that one partition is meant to span.
        let recentEvents: Int64
    }

    /// Sets the size for the partitions that are made from now on.
    func apply() async throws {
        if let chosen {
            _ = try await pool.execute(RetentionSQL.size, [.int8(chosen)])
            return
        }
        guard policy.dropsEvents else { return }
        let since = policy.shortestAge.map { age in
            let span = age / Int(Self.partitions)
            return Parameter.timestamptz(wall.now().advanced(by: .zero - span).microseconds)
        }
        let row = try await pool.execute(RetentionSQL.stock, [since ?? .null]).only()
        let stock = Stock(
            events: try row.int64(0), bytes: try row.int64(1), recentEvents: try row.int64(2))
        let size = try row.int64(3)
        let wanted = Self.wanted(for: stock, policy)
        // Not each time the load changes a little.
        guard wanted > size * 2 || wanted < size / 2 else { return }
        _ = try await pool.execute(RetentionSQL.size, [.int8(wanted)])
    }

    static func wanted(for stock: Stock, _ policy: RetentionPolicy) -> Int64 {
        guard stock.events > 0 else { return sizes.lowerBound }
        var size = sizes.upperBound
        if policy.shortestAge != nil { size = min(size, stock.recentEvents) }
        if let bytes = [policy.bytes, policy.hardBytes].compactMap(\.self).min() {
            let each = max(1, stock.bytes / stock.events)
            size = min(size, bytes / partitions / each)
        }
        return max(size, sizes.lowerBound)
    }
}

extension RetentionPolicy {
    fileprivate var shortestAge: Duration? { [age, hardAge].compactMap(\.self).min() }
}
