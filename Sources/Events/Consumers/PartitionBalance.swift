/// Who should hold which partition: in proportion to weights, moving no more than it must.
///
/// The same for all who know the same, so that nodes need not agree in any other way.
struct PartitionBalance<Node: Hashable & Comparable> {
    /// Of those with a weight above zero: how many partitions each should hold.
    let quotas: [Node: Int]

    /// - Parameters:
    ///   - holders: For each partition who holds it now, if anybody does.
    ///   - weights: Members of each node; zero or less: none.
    init(holders: [Node?], weights: [Node: Int]) {
        let weights = weights.filter { $0.value > 0 }
        let total = weights.values.reduce(0, +)
        guard total > 0 else {
            quotas = [:]
            return
        }
        var held: [Node: Int] = [:]
        for case let holder? in holders { held[holder, default: 0] += 1 }
        var quotas: [Node: Int] = [:]
        var left = holders.count
        for (node, weight) in weights {
            let share = holders.count * weight / total
            quotas[node] = share
            left -= share
        }
        // What division leaves over goes to those with the largest remainder; of equals, to those
        // that hold it already.
        let order = weights.keys.sorted { one, other in
            let remainders = [one, other].map { holders.count * (weights[$0] ?? 0) % total }
            if remainders[0] != remainders[1] { return remainders[0] > remainders[1] }
            let surplus = [one, other].map { (held[$0] ?? 0) - (quotas[$0] ?? 0) }
            if surplus[0] != surplus[1] { return surplus[0] > surplus[1] }
            let counts = [one, other].map { held[$0] ?? 0 }
            return counts[0] != counts[1] ? counts[0] > counts[1] : one < other
        }
        for node in order.prefix(left) { quotas[node, default: 0] += 1 }
        self.quotas = quotas
    }

    /// For each partition who should hold it. With no weights at all everybody keeps what he has.
    func assign(_ holders: [Node?]) -> [Node?] {
        guard !quotas.isEmpty else { return holders }
        var left = quotas
        var assigned: [Node?] = holders.map { holder in
            guard let holder, let free = left[holder], free > 0 else { return nil }
            left[holder] = free - 1
            return holder
        }
        var takers = left.filter { $0.value > 0 }.keys.sorted()[...]
        for partition in assigned.indices where assigned[partition] == nil {
            guard let taker = takers.first, let free = left[taker] else { break }
            assigned[partition] = taker
            left[taker] = free - 1
            if free == 1 { takers = takers.dropFirst() }
        }
        return assigned
    }
}
