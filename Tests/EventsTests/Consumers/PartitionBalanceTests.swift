import TestSupport
import Testing

@testable import Events

@Suite struct PartitionBalanceTests {
    /// Holders and weights of some moment, also of nodes that are gone or new.
    private struct Moment {
        var holders: [Int?]
        var weights: [Int: Int]

        init(seed: UInt64) {
            var random = SeededGenerator(seed: seed)
            let nodes = Int.random(in: 1...9, using: &random)
            holders = (0..<64).map { _ in
                Int.random(in: 0...nodes + 2, using: &random)
            }.map { $0 == 0 ? nil : $0 }
            weights = [:]
            for node in 1...nodes { weights[node] = Int.random(in: 0...5, using: &random) }
            weights[nodes] = Int.random(in: 1...200, using: &random)
        }

        var total: Int { weights.values.reduce(0, +) }

        var assigned: [Int?] {
            PartitionBalance(holders: holders, weights: weights).assign(holders)
        }
    }

    @Test(arguments: 0..<500 as Range<UInt64>)
    func `everybody holds his share, rounded down or up`(seed: UInt64) {
        let moment = Moment(seed: seed)
        let assigned = moment.assigned
        #expect(!assigned.contains(nil))
        for (node, weight) in moment.weights {
            let count = assigned.count { $0 == node }
            let share = 64 * weight / moment.total
            #expect(count == share || count == share + 1 && 64 * weight % moment.total > 0)
        }
        #expect(assigned.allSatisfy { $0.map { (moment.weights[$0] ?? 0) > 0 } == true })
    }

    @Test(arguments: 0..<500 as Range<UInt64>)
    func `a partition moves only from who has no share of it left`(seed: UInt64) {
        let moment = Moment(seed: seed)
        let balance = PartitionBalance(holders: moment.holders, weights: moment.weights)
        let assigned = balance.assign(moment.holders)
        for (node, quota) in balance.quotas {
            let held = moment.holders.count { $0 == node }
            let kept = zip(moment.holders, assigned).count { $0 == node && $1 == node }
            #expect(kept == min(held, quota))
        }
    }

    @Test(arguments: 0..<500 as Range<UInt64>)
    func `what is in balance stays so`(seed: UInt64) {
        var moment = Moment(seed: seed)
        moment.holders = moment.assigned
        #expect(moment.assigned == moment.holders)
    }

    @Test func `of equal remainders those win who hold more`() {
        let holders = (0..<64).map { $0 < 22 ? 3 : $0 < 43 ? 2 : 1 }
        let balance = PartitionBalance(holders: holders, weights: [1: 1, 2: 1, 3: 1])
        #expect(balance.quotas == [1: 21, 2: 21, 3: 22])
        #expect(balance.assign(holders) == holders)
    }

    @Test func `with no members at all everybody keeps what he has`() {
        let holders: [Int?] = (0..<64).map { $0 % 2 == 0 ? 1 : nil }
        #expect(PartitionBalance(holders: holders, weights: [1: 0]).assign(holders) == holders)
    }
}
