import TestSupport
import Testing

@testable import PostgresLog

@Suite struct OutboxScanTests {
    private typealias Key = OutboxScan.Key

    @Test func `what a snapshot showed is not looked at again`() {
        var scan = OutboxScan()
        scan.took(through: nil, seeing: .init(beyond: 100, running: [40, 70]))
        #expect(scan.frontier == Key(transaction: 100, number: 0))
        #expect(scan.open == [40: 0, 70: 0])
        scan.took(through: nil, seeing: .init(beyond: 120, running: [70, 110]))
        #expect(scan.frontier == Key(transaction: 120, number: 0))
        #expect(scan.open == [70: 0, 110: 0])
    }

    @Test func `a page that was cut off goes on behind its last row`() {
        var scan = OutboxScan()
        scan.took(
            through: Key(transaction: 50, number: 7), seeing: .init(beyond: 100, running: [40, 70]))
        #expect(scan.frontier == Key(transaction: 50, number: 7))
        #expect(scan.open == [40: 0])
    }

    @Test func `a large transaction that ended late goes on behind the page's last row too`() {
        var scan = OutboxScan()
        scan.took(through: nil, seeing: .init(beyond: 100, running: [40, 70]))
        scan.took(
            through: Key(transaction: 40, number: 9), seeing: .init(beyond: 130, running: [120]))
        #expect(scan.frontier == Key(transaction: 100, number: 0))
        #expect(scan.open == [40: 9, 70: 0])
    }

    @Test func `rows of a restored dump hide none of the transactions to come`() {
        var scan = OutboxScan()
        scan.took(
            through: Key(transaction: 5_000_000, number: 7),
            seeing: .init(beyond: 800, running: [790]))
        #expect(scan.frontier == Key(transaction: 800, number: 0))
        #expect(scan.open == [790: 0])
    }

    /// A million steps in all, in runs short enough to compare the whole table each time.
    @Test func `every committed row is taken once, in each session's order`() async {
        for seed in 0..<17_000 {
            await giveWay(at: seed)
            var run = OutboxModel(seed: UInt64(seed))
            for _ in 0..<60 { run.step() }
            run.finish()
            if let fault = run.fault {
                Issue.record("seed \(seed): \(fault)")
                return
            }
        }
    }
}

/// Sessions that publish, commit and abort as they like, and a reader with the scan's view.
private struct OutboxModel {
    private struct Row {
        let key: OutboxScan.Key
        let session: Int
        var isTaken = false
    }

    private struct Transaction {
        let id: Int64
        var rows: [OutboxScan.Key] = []
    }

    private var random: SeededGenerator
    private var scan = OutboxScan()
    private var nextTransaction: Int64 = 3
    private var nextNumber: Int64 = 1
    private var latestEnded: Int64 = 2
    /// By session.
    private var running: [Transaction?] = Array(repeating: nil, count: 6)
    /// Committed.
    private var table: [Row] = []
    private var newestOf: [Int: Int64] = [:]
    private(set) var fault: String?

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
    }

    mutating func step() {
        let session = Int.random(in: running.indices, using: &random)
        switch Int.random(in: 0..<10, using: &random) {
        case 0...4: publish(session)
        case 5...6: end(session, commits: true)
        case 7: end(session, commits: false)
        default: page(limit: .random(in: 1...6, using: &random))
        }
    }

    mutating func finish() {
        for session in running.indices { end(session, commits: true) }
        for _ in 0...table.count { page(limit: 3) }
        if table.contains(where: { !$0.isTaken }) { fault = fault ?? "a row was never taken" }
    }

    private mutating func publish(_ session: Int) {
        if running[session] == nil {
            running[session] = Transaction(id: nextTransaction)
            nextTransaction += 1
        }
        guard let id = running[session]?.id else { return }
        running[session]?.rows.append(OutboxScan.Key(transaction: id, number: nextNumber))
        nextNumber += 1
    }

    private mutating func end(_ session: Int, commits: Bool) {
        guard let transaction = running[session] else { return }
        running[session] = nil
        latestEnded = max(latestEnded, transaction.id)
        if commits {
            table += transaction.rows.map { Row(key: $0, session: session) }
        }
    }

    /// As Postgres' snapshots: they end behind the latest transaction that has ended.
    private var snapshot: OutboxScan.Snapshot {
        let beyond = latestEnded + 1
        return OutboxScan.Snapshot(
            beyond: beyond, running: running.compactMap { $0?.id }.filter { $0 < beyond })
    }

    private func isLookedAt(_ key: OutboxScan.Key) -> Bool {
        key > scan.frontier || scan.open[key.transaction].map { key.number > $0 } ?? false
    }

    private mutating func page(limit: Int) {
        let found = table.indices.filter { isLookedAt(table[$0].key) }
            .sorted { table[$0].key < table[$1].key }.prefix(limit)
        for index in found.sorted(by: { table[$0].key.number < table[$1].key.number }) {
            let row = table[index]
            if row.isTaken { fault = fault ?? "\(row.key) was taken twice" }
            if row.key.number < newestOf[row.session, default: 0] {
                fault = fault ?? "\(row.key) came after a later one of its session"
            }
            newestOf[row.session] = row.key.number
            table[index].isTaken = true
        }
        let isCut = found.count == limit
        scan.took(through: isCut ? found.last.map { table[$0].key } : nil, seeing: snapshot)
        // Dead rows may stay in the table for long: they are not walked again.
        if let row = table.first(where: { $0.isTaken && isLookedAt($0.key) }) {
            fault = fault ?? "\(row.key) is looked at again"
        }
    }
}
