import Events
import Telemetry

/// Which partitions go now, and which would if it were not for a consumer.
struct RetentionDecision: Equatable {
    struct Partition: Equatable {
        let first: Position
        let last: Position
        /// When its last event was recorded; nil while it has room left. Only full ones go.
        let endedAt: Timestamp?
        /// On disk, with its indexes.
        let bytes: Int64

        var count: Int { Int(last.rawValue - first.rawValue) + 1 }
    }

    /// Past all partitions that reached a limit; zero when none did.
    let wanted: Position
    /// Past all that reached a hard one.
    let forced: Position

    /// - Parameter partitions: From the oldest on.
    init(_ policy: RetentionPolicy, _ partitions: [Partition], now: UnixTime) {
        forced = Self.limit(policy.hardAge, policy.hardBytes, partitions, now)
        wanted = max(forced, Self.limit(policy.age, policy.bytes, partitions, now))
    }

    private static func limit(
        _ age: Duration?, _ bytes: Int64?, _ partitions: [Partition], _ now: UnixTime
    ) -> Position {
        var total = partitions.reduce(0) { $0 + $1.bytes }
        var through = Position.zero
        for partition in partitions {
            guard let end = partition.endedAt else { break }
            let isOld = age.map { end < Timestamp(now.advanced(by: .zero - $0)) } ?? false
            let isTooMuch = bytes.map { total > $0 } ?? false
            guard isOld || isTooMuch else { break }
            total -= partition.bytes
            through = partition.last
        }
        return through
    }

    /// How far the log is dropped when the slowest consumer needs all behind `floor`.
    ///
    /// - Parameter floor: Nil when no consumer needs anything up to ``wanted``.
    func through(floor: Position?, _ partitions: [Partition]) -> Position {
        guard let floor else { return wanted }
        let free = partitions.last { $0.last <= min(floor, wanted) }?.last ?? .zero
        return max(forced, free)
    }
}
