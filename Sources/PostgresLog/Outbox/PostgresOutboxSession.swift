import Events
import Postgres

/// Drains the outbox over one connection. What was looked at holds for its history alone, so a
/// session never outlives it.
actor PostgresOutboxSession: OutboxSession {
    private static let maxPageBytes = 4 << 20

    private let connection: PostgresConnection
    private let lease: Lease
    private let log: PostgresEventLog
    /// Of the log, as this connection found it.
    private var epoch: UInt64 = 0
    private(set) var scan = OutboxScan()
    private var page: OutboxPage?

    init(connection: PostgresConnection, lease: Lease, log: PostgresEventLog) {
        self.connection = connection
        self.lease = lease
        self.log = log
    }

    func open(_ limits: PublishLimits) async throws {
        try await translating {
            let bounds = try await connection.openEpoch(knowing: log.observers.history)
            epoch = bounds.epoch.id
            log.directory.follow(epoch)
            // Also what a session before this one stored, and was not told of.
            log.observers.reached(bounds)
            _ = try await connection.execute(
                OutboxSQL.limits, [.int4(Int32(clamping: limits.maxEventBytes))])
        }
    }

    /// Source: `SQL/outbox_page.sql`.
    func nextPage(limit: Int) async throws -> [OutboxEntry] {
        try await translating {
            let rows = try await connection.execute(
                OutboxSQL.page,
                scan.parameters + [.int8(Int64(limit)), .int8(Int64(Self.maxPageBytes))])
            let page = try OutboxPage(rows, limit: limit, maxBytes: Self.maxPageBytes)
            if page.elements.isEmpty {
                scan.took(through: nil, seeing: page.snapshot)
                self.page = nil
            } else {
                self.page = page
            }
            return page.elements.map(\.entry)
        }
    }

    /// Source: `SQL/outbox_drain.sql`, `SQL/outbox_refuse.sql`.
    func move(_ results: [Result<NewEvent, OutboxRefusal>]) async throws -> [OutboxOutcome] {
        guard let page, page.elements.count == results.count else {
            preconditionFailure("a page is moved once, as a whole")
        }
        let outcomes = try await translating {
            let events = results.compactMap { try? $0.get() }
            if events.isEmpty {
                let departure = OutboxDeparture(page, results, nil)
                _ = try await connection.execute(OutboxSQL.refuse, departure.parameters(lease))
                return results.map(OutboxOutcome.init)
            }
            let numbers = try await log.directory.numbers(for: events)
            guard numbers.epoch == epoch else { throw EventsError.away(.unavailable) }
            let append = try PreparedAppend(
                AppendRequest(events: events, allowPartial: true), numbers)
            let batch = AppendBatch(
                id: .random(), entries: [BatchQueue.Entry(ticket: 0, append: append)],
                sentAfter: .zero)
            let departure = OutboxDeparture(page, results, append)
            let rows = try await connection.execute(
                OutboxSQL.drain, batch.parameters + departure.parameters(lease))
            let answer = try AppendAnswer(batch, rows)
            if !answer.recorded.isEmpty { log.observers.committed(answer.recorded) }
            var appended = try answer.results[0].get().makeIterator()
            return results.map { result in
                guard case .success = result, let outcome = appended.next() else {
                    return OutboxOutcome(result)
                }
                return OutboxOutcome(outcome)
            }
        }
        scan.took(through: page.last, seeing: page.snapshot)
        self.page = nil
        return outcomes
    }

    /// Source: `SQL/outbox_backlog.sql`.
    func backlog() async throws -> OutboxBacklog {
        try await translating {
            try await OutboxBacklog(connection.execute(OutboxSQL.backlog, scan.parameters).only())
        }
    }

    private func translating<Success>(
        _ body: () async throws -> Success
    ) async throws -> Success {
        do {
            return try await body()
        } catch let error as PostgresError {
            throw Self.translated(error)
        }
    }

    private static func translated(_ error: PostgresError) -> any Error {
        switch error.sqlState {
        case "AP001": OutboxError.leaseLost
        // An attempt whose answer was lost has committed meanwhile.
        case "AP002": EventsError.away(.unavailable)
        // Data exceptions, constraints and limits of the program: the page's own fault.
        case let state? where ["22", "23", "54"].contains(state.prefix(2)):
            OutboxError.refused("SQLSTATE \(state)")
        default: EventsError(store: error)
        }
    }
}

extension OutboxScan {
    /// As `SQL/outbox_page.sql` takes them.
    var parameters: [Parameter] {
        let open = open.sorted { $0.key < $1.key }
        return [
            .int8(frontier.transaction), .int8(frontier.number),
            .int8Array(open.map(\.key)), .int8Array(open.map(\.value)),
        ]
    }
}

extension OutboxBacklog {
    init(_ row: Row) throws {
        self.init(
            events: Int(try row.int64(0)), age: .seconds(try row.double(1)),
            rejects: Int(try row.int64(2)))
    }
}

extension OutboxOutcome {
    fileprivate init(_ result: Result<NewEvent, OutboxRefusal>) {
        switch result {
        case .failure(let refusal): self = .rejected(refusal.reason)
        case .success: preconditionFailure("an event that was appended has an outcome")
        }
    }

    fileprivate init(_ outcome: AppendOutcome) {
        switch outcome {
        case .stored(let position): self = .stored(position)
        case .duplicate(let position): self = .duplicate(position)
        case .rejected: self = .rejected(.idTaken)
        }
    }
}
