public import Events
import Postgres

/// Every consumer's dead letters in Postgres.
public struct PostgresDeadLetters: DeadLetters {
    /// Deliveries shown of each.
    private static let maxAttempts: Int64 = 100
    /// Those of so many are read at a time: each may tell much.
    private static let attemptsPage = 32

    private let store: ConsumerStore
    private let log: PostgresEventLog
    private let node: String
    private let pageSize: Int

    /// - Parameter node: Shown in the ledger.
    public init(log: PostgresEventLog, node: String) {
        self.init(log: log, node: node, pageSize: 2_000)
    }

    /// - Parameter pageSize: So many are changed by one statement at most.
    init(log: PostgresEventLog, node: String, pageSize: Int) {
        store = ConsumerStore(pool: log.pool)
        self.log = log
        self.node = node
        self.pageSize = pageSize
    }

    /// Source: `SQL/dead_letters_list.sql`, `SQL/dead_letters_attempts.sql`.
    public func list(
        _ selection: DeadLetterSelection, after: Int64, limit: Int, maxBytes: Int
    ) async throws -> DeadLetterPage {
        let rows = try await store.execute(
            DeadLetterSQL.list,
            Self.parameters(selection) + [
                .int8(after), .int8(Int64(limit) + 1), .int8(Int64(maxBytes)),
            ])
        guard let first = rows.first else { return DeadLetterPage(letters: [], hasMore: false) }
        do {
            let events = try await log.events(in: rows, firstColumn: 7)
            let shown = Array(rows.prefix(limit))
            var letters: [DeadLetter] = []
            var bytes = 0
            while letters.count < shown.count, bytes < maxBytes {
                let some = letters.count..<min(shown.count, letters.count + Self.attemptsPage)
                let attempts = try await attempts(at: shown[some], events[some])
                for (index, attempts) in zip(some, attempts) where bytes < maxBytes {
                    bytes += attempts.reduce(0) { $0 + $1.errorMessage.utf8.count }
                    let row = shown[index]
                    letters.append(
                        DeadLetter(
                            number: try row.int64(0), consumer: try row.string(2),
                            event: events[index], attempts: attempts,
                            deadLetteredAt: Timestamp(microseconds: try row.timestamp(3)),
                            reason: try row.string(4)))
                }
            }
            return DeadLetterPage(
                letters: letters, hasMore: Int(try first.int64(5)) > letters.count)
        } catch let error as PostgresError {
            throw EventsError(store: error)
        }
    }

    /// The deliveries of each row.
    private func attempts(
        at rows: ArraySlice<Row>, _ events: ArraySlice<RecordedEvent>
    ) async throws -> [[DeliveryRecord]] {
        let consumers = try rows.map { try $0.int32(1) }
        let found = try await store.execute(
            DeadLetterSQL.attempts,
            [
                .int4Array(consumers), .positions(events.map(\.position)),
                .int8(Self.maxAttempts),
            ])
        var attempts: [[DeliveryRecord]] = Array(repeating: [], count: events.count)
        for row in found {
            attempts[Int(try row.int64(10)) - 1].append(try LedgerColumns.record(row))
        }
        return attempts
    }

    /// Source: `SQL/dead_letters_revive.sql`.
    public func retry(_ selection: DeadLetterSelection, perSecond: Int?) async throws -> Int {
        let step = perSecond.map { 1_000_000 / Int64($0) } ?? 0
        let wanted = Self.parameters(selection)
        var (count, chosen): (Int64, Int64) = (0, 0)
        var start: Int64?
        var page = Page()
        while let row = try await store.execute(
            DeadLetterSQL.revive,
            wanted + [.int8(step)] + page.parameters(pageSize) + [.int8(start), .int8(chosen)]
        ).first {
            page = try ConsumerStore.reading { () throws(PostgresError) in
                count += try row.int64(0)
                chosen += try row.int64(1)
                start = try row.int64(4)
                return Page(position: try row.int64(2), consumer: try row.int32(3))
            }
        }
        return Int(count)
    }

    /// Source: `SQL/dead_letters_discard.sql`.
    public func discard(
        _ selection: DeadLetterSelection, reason: String
    ) async throws -> Int {
        let wanted = Self.parameters(selection) + [.text(reason)]
        var count: Int64 = 0
        var page = Page()
        while let row = try await store.execute(
            DeadLetterSQL.discard, wanted + page.parameters(pageSize) + [.text(node)]
        ).first {
            page = try ConsumerStore.reading { () throws(PostgresError) in
                count += try row.int64(0)
                return Page(position: try row.int64(1), consumer: try row.int32(2))
            }
        }
        return Int(count)
    }

    /// What comes behind an open dead letter, in order of position and consumer.
    private struct Page {
        var position: Int64 = 0
        var consumer: Int32 = 0

        func parameters(_ size: Int) -> [Parameter] {
            [.int8(position), .int4(consumer), .int8(Int64(size))]
        }
    }

    /// Tenant, consumer, ids, then the filter: patterns of types, tenants, subject prefix,
    /// sources, kinds.
    private static func parameters(_ selection: DeadLetterSelection) -> [Parameter] {
        let filter = selection.filter
        var tenants: Parameter = .null
        if let filter, case .only(let names) = filter.tenants {
            tenants = .textArray(names.map(\.rawValue))
        }
        return [
            .text(selection.tenant.rawValue), .text(storedConsumer(selection)),
            selection.ids.isEmpty ? .null : .uuidArray(selection.ids.map(\.bits)),
            list(filter?.types.map(\.text)), tenants,
            .text(filter?.subjectPrefix), list(filter?.sources),
            filter.flatMap { filter in
                filter.kinds.isEmpty
                    ? nil : .int2Array(filter.kinds.map { Int16($0.rawValue) })
            } ?? .null,
        ]
    }

    private static func list(_ texts: [String]?) -> Parameter {
        guard let texts, !texts.isEmpty else { return .null }
        return .textArray(texts)
    }

    /// `group/NAME` is `group/TENANT/NAME` in the store.
    private static func storedConsumer(_ selection: DeadLetterSelection) -> String? {
        guard let consumer = selection.consumer else { return nil }
        let prefix = "group/"
        guard consumer.hasPrefix(prefix) else { return consumer }
        return prefix + selection.tenant.rawValue + "/" + consumer.dropFirst(prefix.count)
    }
}
