import Events
import IO
import Postgres
import Telemetry
import TestSupport
import Testing

@testable import PostgresLog

extension DatabaseTemplate {
    /// A migrated, empty log.
    static let log = DatabaseTemplate(name: "log") { configuration in
        _ = try await Migrator(logger: .silent).run(configuration, on: TestLoops.next)
    }
}

/// A log of a test's own, running, with the means to look behind it.
struct TestLog: Sendable {
    let log: PostgresEventLog
    let database: PostgresConfiguration
    let pool: PostgresPool

    /// Runs `body` with a log in a new database, then stops it.
    ///
    /// - Parameter sql: Runs before the log starts.
    static func with(
        _ configuration: PostgresEventLog.Configuration = .init(), after sql: String = "",
        _ body: @escaping @Sendable (TestLog) async throws -> Void
    ) async throws {
        try await TestPostgres.withDatabase(.log) { database in
            if !sql.isEmpty { try await TestPostgres.script(sql, on: database) }
            try await node(on: database, configuration, body)
        }
    }

    /// Runs `body` with one more node on a database.
    static func node(
        on database: PostgresConfiguration,
        _ configuration: PostgresEventLog.Configuration = .init(),
        _ body: @escaping @Sendable (TestLog) async throws -> Void
    ) async throws {
        let pool = PostgresPool(database, size: 2, loops: TestLoops.group, logger: .silent)
        let log = PostgresEventLog(
            database, pool: pool, loops: TestLoops.group, configuration: configuration,
            logger: .silent)
        let test = TestLog(log: log, database: database, pool: pool)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await pool.run() }
            group.addTask { try await log.run() }
            group.addTask { try await body(test) }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    func append(_ events: NewEvent...) async throws -> [AppendOutcome] {
        try await log.append(AppendRequest(events: events))
    }

    /// Every event, read in pages.
    func history(_ filter: EventFilter = .everything, page: Int = 1_000) async throws
        -> [RecordedEvent]
    {
        var events: [RecordedEvent] = []
        var after = Position.zero
        while true {
            let read = try await log.read(
                after: after, filter: filter, limit: page, maxBytes: 4 << 20)
            events += read.events
            if read.scannedThrough >= read.head { return events }
            precondition(read.scannedThrough > after, "a read that does not get on")
            after = read.scannedThrough
        }
    }

    /// Runs SQL behind the log's back.
    func script(_ sql: String) async throws {
        try await TestPostgres.script(sql, on: database)
    }

    func rows(_ sql: String, _ parameters: [Parameter] = []) async throws -> Rows {
        try await pool.execute(Statement(name: sql, sql: sql), parameters)
    }
}

extension NewEvent {
    /// An event to store. With an `id` it counts as chosen by the client.
    static func test(
        _ subject: String = "", id: EventID? = nil, content number: UInt64 = 1,
        tenant: String = "acme", type: String = "lead.created", source: String = "crm",
        kind: EventKind = .domain, data: [UInt8] = [1, 2, 3]
    ) -> NewEvent {
        let own = id ?? .v7(at: Timestamp(seconds: 1_700_000_000, nanoseconds: 5))
        let content = EventContent(
            id: own, type: type, version: 1, kind: kind, tenant: TenantID(unchecked: tenant),
            source: source, subject: subject, partitionKey: subject.isEmpty ? tenant : subject,
            occurredAt: Timestamp(seconds: 1_700_000_000, nanoseconds: 123_456_789),
            metadata: EventMetadata(correlationID: own.description), messageName: "test.\(type)",
            data: data)
        return NewEvent(
            content, hasCallersID: id != nil, fingerprint: Fingerprint(high: number, low: 0))
    }

    /// The same event but for what is said here.
    func with(
        id: EventID? = nil, hasCallersID: Bool? = nil, fingerprint: Fingerprint? = nil,
        type: String? = nil, version: UInt32? = nil, kind: EventKind? = nil,
        tenant: TenantID? = nil, source: String? = nil, subject: String? = nil,
        partitionKey: String? = nil, occurredAt: Timestamp? = nil, metadata: EventMetadata? = nil,
        messageName: String? = nil, data: [UInt8]? = nil
    ) -> NewEvent {
        let content = EventContent(
            id: id ?? self.id, type: type ?? self.type, version: version ?? self.version,
            kind: kind ?? self.kind, tenant: tenant ?? self.tenant, source: source ?? self.source,
            subject: subject ?? self.subject, partitionKey: partitionKey ?? self.partitionKey,
            occurredAt: occurredAt ?? self.occurredAt, metadata: metadata ?? self.metadata,
            messageName: messageName ?? self.messageName, data: data ?? self.data)
        return NewEvent(
            content, hasCallersID: hasCallersID ?? self.hasCallersID,
            fingerprint: fingerprint ?? self.fingerprint)
    }
}

extension PostgresEventLog.Configuration {
    /// Reads tenants through their index, however short the log is.
    static var byIndex: Self {
        var configuration = Self()
        configuration.shortStretch = 0
        return configuration
    }
}

extension Directory.Numbers {
    /// As if all were of the first tenant and type.
    static func ones(_ count: Int) -> Directory.Numbers {
        let ones = [Int32](repeating: 1, count: count)
        return Directory.Numbers(tenants: ones, types: ones, epoch: 1)
    }
}

extension EventID {
    static func number(_ number: UInt64) -> EventID { EventID(high: 0x7000, low: number) }
}

extension AppendOutcome {
    static func stored(_ position: UInt64) -> AppendOutcome { .stored(Position(position)) }
    static func duplicate(_ position: UInt64) -> AppendOutcome { .duplicate(Position(position)) }
}

/// `#expect(try await …)` does not compile inside a closure that throws.
func expectEqual<Value: Equatable>(
    _ value: Value, _ expected: Value, at location: SourceLocation = #_sourceLocation
) {
    #expect(value == expected, sourceLocation: location)
}

extension TestLog {
    /// Cuts off the log's sessions, and lets nobody connect again.
    func refuseConnections() async throws {
        let name = database.databaseName ?? ""
        // Each a transaction: who reconnects at once is to be refused already.
        for sql in [
            "alter database \(name) allow_connections false",
            """
            select pg_terminate_backend(pid) from pg_stat_activity
            where application_name = 'apus log' and datname = '\(name)'
            """,
        ] {
            try await TestPostgres.script(sql, on: TestPostgres.maintenance)
        }
    }
}
