import Events
import Postgres
import Telemetry
import TestSupport

@testable import PostgresLog

/// The outbox of a test's own log: sessions to drain it, and callers that publish.
struct TestOutbox: Sendable {
    let test: TestLog
    let leases: PostgresLeases

    init(_ test: TestLog) {
        self.test = test
        leases = PostgresLeases(pool: test.pool)
    }

    func lease(_ holder: String = "a", for time: Duration = .seconds(60)) async throws -> Lease? {
        try await leases.acquire("outbox", holder: holder, for: time)
    }

    var outbox: PostgresOutbox {
        PostgresOutbox(test.database, log: test.log, loops: TestLoops.group, logger: .silent)
    }

    /// Drains as the holder of a lease.
    func session(
        _ lease: Lease?, _ body: (any OutboxSession) async throws -> Void
    ) async throws {
        guard let lease else { throw TestFailure() }
        try await outbox.withSession(under: lease, limits: PublishLimits(), body)
    }

    /// A caller's session.
    func caller(_ body: (PostgresConnection) async throws -> Void) async throws {
        let connection = try await PostgresConnection.connect(
            test.database, on: TestLoops.next, logger: .silent)
        do {
            try await body(connection)
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
    }

    /// A caller's transaction; what it throws rolls it back.
    func transaction(_ body: (PostgresTransaction) async throws -> Void) async throws {
        try await caller { caller in try await caller.transaction { try await body($0) } }
    }

    /// The subjects in the log, in order.
    func subjects() async throws -> [String] {
        try await test.history().map(\.subject)
    }

    func waiting() async throws -> Int64 {
        try await test.rows("select count(*) from apus.outbox").only().int64(0)
    }

    /// Subject, reason and detail of what was rejected.
    func rejects() async throws -> [[String]] {
        let rows = try await test.rows(
            "select subject, reason, detail from apus.outbox_rejects order by number")
        return try rows.map { [try $0.string(0), try $0.string(1), try $0.string(2)] }
    }
}

extension OutboxSession {
    /// Moves pages until there is nothing left. Every payload counts as right.
    func drainAll(limit: Int = 1_000) async throws -> [OutboxOutcome] {
        var outcomes: [OutboxOutcome] = []
        while true {
            let page = try await nextPage(limit: limit)
            if page.isEmpty { return outcomes }
            outcomes += try await move(page.map { .success($0.event) })
        }
    }
}

extension OutboxEntry {
    /// As if the schema had been asked.
    var event: NewEvent {
        let data =
            switch payload {
            case .json(let text): Array(text.utf8)
            case .protobuf(let bytes): bytes
            }
        let content = data.reduce(UInt64(1)) { $0 &* 31 &+ UInt64($1) }
        return NewEvent.test(
            draft.subject, id: id, tenant: draft.tenant, type: draft.type, data: data
        ).with(fingerprint: Fingerprint(high: content, low: 1), metadata: draft.metadata)
    }
}
