/// What a reader of the outbox need not look at again.
///
/// Rows are read in the order of (transaction, number). A snapshot tells which transactions it
/// sees: all below its end but those that were running. So once everything that a snapshot shows
/// was taken, what is left belongs to a transaction that ran then, or to one it knows nothing of.
/// A transaction that stays open for long is neither waited for nor skipped: it is looked up by
/// itself. And the dead rows of what was taken are never walked again, however long some other
/// transaction keeps them from being cleaned away.
struct OutboxScan: Equatable {
    struct Key: Comparable, Hashable {
        var transaction: Int64
        /// From 1 in a row.
        var number: Int64

        static func < (left: Key, right: Key) -> Bool {
            (left.transaction, left.number) < (right.transaction, right.number)
        }
    }

    /// What a snapshot knows.
    struct Snapshot {
        /// The first transaction that it knows nothing of.
        let beyond: Int64
        /// Those below that were running.
        let running: [Int64]
    }

    /// All up to here was taken, but for what is in `open`.
    private(set) var frontier = Key(transaction: 0, number: 0)
    /// Transactions at or before the frontier that may have more to take: the rest of each begins
    /// after this number.
    private(set) var open: [Int64: Int64] = [:]

    /// A page was taken: the first rows, in order, of what was left and the snapshot showed.
    ///
    /// - Parameter last: Where the page was cut off; nil when it held everything.
    mutating func took(through last: Key?, seeing snapshot: Snapshot) {
        // A restored dump has rows of transactions that this server has yet to come to.
        let end = Key(transaction: snapshot.beyond, number: 0)
        let running = Set(snapshot.running)
        var rest: [Int64: Int64] = [:]
        if let last {
            for (transaction, number) in open where !running.contains(transaction) {
                if transaction == last.transaction {
                    rest[transaction] = last.number
                } else if transaction > last.transaction {
                    rest[transaction] = number
                }
            }
        }
        if let last, last <= frontier {
            // Not through with the open ones yet.
        } else if let last {
            rest = [:]
            frontier = max(frontier, min(last, end))
        } else {
            frontier = max(frontier, end)
        }
        for transaction in running where transaction < frontier.transaction {
            rest[transaction] = open[transaction] ?? 0
        }
        open = rest
    }
}
