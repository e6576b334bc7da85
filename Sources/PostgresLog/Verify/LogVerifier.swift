public import Events
public import Postgres
import Telemetry

/// Looks through a whole log, in pages, while nodes may be writing to it.
///
/// Nothing that is written meanwhile is taken for damage: events are checked up to the head at the
/// beginning, and each page is told what retention has dropped by then.
public struct LogVerifier: Sendable {
    /// What was looked at.
    public struct Summary: Sendable, Hashable {
        /// Positions; last is first - 1 when the log is empty.
        public var first = Position.zero
        public var last = Position.zero
        public var events = 0
        public var identities = 0
        /// Events whose payload's message is in no catalogue of this release: not decoded.
        public var unknownSchemas = 0
        /// Events of releases that kept no checksum.
        public var withoutChecksum = 0
        /// Events in the outbox, and those that it gave up: up to 100,000 of each.
        public var waiting = 0
        public var rejects = 0
        /// Rows of the audit trail, and how often its end was published.
        public var audited = 0
        public var auditHeads = 0
        public var findings = 0

        public init() {}
    }

    /// How far it is.
    public enum Progress: Sendable, Hashable {
        case events(Position, of: Position)
        case identities(Int)
        case appends, consumers, ledger
        case audit(Position)
    }

    /// Reads what an event `system.audit_head` says; nil when it is none that Apus published.
    public typealias AuditHeadReader = @Sendable (RecordedEvent) -> AuditHead?

    private static let pageEvents: Int64 = 2_000
    private static let pageBytes: Int64 = 8 << 20
    private static let pageRows: Int64 = 5_000
    private static let ledgerPositions: UInt64 = 50_000

    let pool: PostgresPool
    let schemas: any SchemaCatalogue
    /// Nil: payloads in SQL are not compared.
    let json: PayloadWriter.JSON?
    private let readAuditHead: AuditHeadReader
    private let found: @Sendable (LogFinding) -> Void
    private let progress: @Sendable (Progress) -> Void

    /// - Parameters:
    ///   - json: As the payloads in SQL are written.
    ///   - found: Told each finding as it is made.
    ///   - progress: Told after each page.
    public init(
        pool: PostgresPool, schemas: any SchemaCatalogue, json: PayloadWriter.JSON? = nil,
        readAuditHead: @escaping AuditHeadReader = { _ in nil },
        found: @escaping @Sendable (LogFinding) -> Void,
        progress: @escaping @Sendable (Progress) -> Void = { _ in }
    ) {
        self.pool = pool
        self.schemas = schemas
        self.json = json
        self.readAuditHead = readAuditHead
        self.found = found
        self.progress = progress
    }

    /// - Throws: `PostgresError`.
    public func run() async throws -> Summary {
        var summary = Summary()
        let bounds = try await pool.execute(SQLText.bounds).only()
        summary.first = try bounds.position(1)
        summary.last = try bounds.position(0)
        try await verifyEpochs(&summary)
        try await verifyRows(VerifySQL.partitions, .table, &summary)
        let auditHeads = try await verifyEvents(&summary)
        try await verifyAudit(auditHeads, &summary)
        try await verifyAppends(&summary)
        try await verifyIdentities(&summary)
        progress(.consumers)
        try await verifyRows(VerifySQL.cursors, .cursor, &summary)
        try await verifyRows(VerifySQL.projections, .projection, &summary)
        try await verifyDeadLetters(&summary)
        try await verifyOutbox(&summary)
        try await verifyLedger(&summary)
        return summary
    }

    func report(_ finding: LogFinding, _ summary: inout Summary) {
        summary.findings += 1
        found(finding)
    }

    /// - Returns: What was published of the audit trail, and where.
    private func verifyEvents(
        _ summary: inout Summary
    ) async throws -> [(position: Position, head: AuditHead)] {
        var heads: [(position: Position, head: AuditHead)] = []
        var audit = EventAudit(from: summary.first, schemas: schemas)
        var after = summary.first.previous
        while true {
            let rows = try await pool.execute(
                VerifySQL.events,
                [
                    .position(after), .position(summary.last), .int8(Self.pageEvents),
                    .int8(Self.pageBytes),
                ])
            let earliest = try rows.first?.position(0) ?? .zero
            let page = try rows.compactMap { try EventAudit.Row($0) }
            for row in page {
                for finding in audit.look(at: row) { report(finding, &summary) }
                if let head = row.event.flatMap(readAuditHead) {
                    heads.append((row.position, head))
                }
            }
            guard let last = page.last?.position else {
                for finding in audit.end(at: summary.last, earliest: earliest) {
                    report(finding, &summary)
                }
                try await verifyPayloads(of: [], after: after, through: .max, &summary)
                break
            }
            try await verifyPayloads(of: page, after: after, through: last, &summary)
            after = last
            progress(.events(last, of: summary.last))
        }
        summary.events = audit.events
        summary.unknownSchemas = audit.unknownSchemas
        summary.withoutChecksum = audit.withoutChecksum
        return heads
    }

    private func verifyAudit(
        _ heads: [(position: Position, head: AuditHead)], _ summary: inout Summary
    ) async throws {
        var after = Position.zero
        while true {
            let rows = try await pool.execute(
                VerifySQL.audit, [.position(after), .int8(Self.pageRows)])
            for row in rows {
                after = try row.position(0)
                guard let fault = try row.optionalString(1) else { continue }
                report(LogFinding(.audit, after, nil, fault), &summary)
            }
            summary.audited += rows.count
            guard rows.count == Self.pageRows else { break }
            progress(.audit(after))
        }
        try await verifyRows(VerifySQL.auditHead, .audit, &summary)
        for (position, head) in heads {
            try await verifyRows(
                VerifySQL.auditPublished, .audit,
                with: [.position(position), .position(head.position), .bytea(head.hash)], &summary)
        }
        summary.auditHeads = heads.count
    }

    private func verifyIdentities(_ summary: inout Summary) async throws {
        var last: (id: UUIDBits, tenant: Int32) = (UUIDBits(high: 0, low: 0), .min)
        while true {
            let rows = try await pool.execute(
                VerifySQL.identities,
                [.uuid(last.id), .int4(last.tenant), .int8(Self.pageRows)])
            for row in rows {
                let id = try row.uuid(0)
                let position = try row.int64(2)
                last = (id, try row.int32(1))
                summary.identities += 1
                let place = Position(UInt64(clamping: position))
                if position < 1 {
                    report(
                        LogFinding(
                            .identity, nil, EventID(id),
                            "its identity is at \(position), which is no position"), &summary)
                } else if try row.bool(3) {
                    let other = EventID(try row.uuid(4))
                    report(
                        LogFinding(
                            .identity, place, EventID(id),
                            "its identity is there, and event \(other) is stored there"), &summary)
                }
            }
            guard rows.count == Self.pageRows else { return }
            progress(.identities(summary.identities))
        }
    }

    private func verifyAppends(_ summary: inout Summary) async throws {
        var last: Int64 = 0
        var previous: Int64?
        progress(.appends)
        while true {
            let rows = try await pool.execute(
                VerifySQL.appends, [.int8(last), .int8(Self.pageRows)])
            for row in rows {
                let (from, through) = (try row.int64(0), try row.int64(1))
                if let fault = try Self.fault(inAppend: row, after: previous) {
                    report(
                        LogFinding(.append, Position(UInt64(clamping: from)), nil, fault), &summary)
                }
                previous = through
                last = through
            }
            guard rows.count == Self.pageRows else { return }
        }
    }

    private static func fault(
        inAppend row: Row, after previous: Int64?
    ) throws(PostgresError) -> String? {
        let (from, through) = (try row.int64(0), try row.int64(1))
        if let previous, from != previous + 1 {
            return "an append begins here, and the one before ends at \(previous)"
        }
        guard from <= through else { return "an append ends at \(through), before it begins" }
        guard let earliest = try row.optionalInt64(2), from >= earliest else { return nil }
        guard try row.int64(3) == through - from + 1 else {
            return "an append stored \(from) to \(through), of which \(try row.int64(3)) are there"
        }
        if let other = try row.optionalInt64(4) {
            return "event \(other) has another time than the append that stored it"
        }
        return nil
    }

    private func verifyEpochs(_ summary: inout Summary) async throws {
        let rows = try await pool.execute(VerifySQL.epochs)
        if rows.isEmpty, summary.last > .zero {
            report(LogFinding(.epoch, nil, nil, "the log has no epoch"), &summary)
        }
        var before: Int64 = 0
        for row in rows {
            let (ordinal, opened, head) = (try row.int32(0), try row.int64(1), try row.int64(2))
            if opened < before || opened > head {
                report(
                    LogFinding(
                        .epoch, Position(UInt64(clamping: opened)), nil,
                        "epoch \(ordinal) opened here, not from \(before) to \(head)"), &summary)
            }
            before = max(before, opened)
        }
    }

    private func verifyDeadLetters(_ summary: inout Summary) async throws {
        var last: Int64 = 0
        while true {
            let rows = try await pool.execute(
                VerifySQL.deadLetters, [.int8(last), .int8(Self.pageRows)])
            for row in rows {
                last = try row.int64(0)
                guard let fault = try row.optionalString(2) else { continue }
                report(LogFinding(.deadLetter, try row.position(1), nil, fault), &summary)
            }
            guard rows.count == Self.pageRows else { return }
        }
    }

    private func verifyOutbox(_ summary: inout Summary) async throws {
        try await verifyRows(VerifySQL.outbox, .outbox, &summary)
        let backlog = try await pool.execute(
            OutboxSQL.backlog, [.int8(0), .int8(0), .int8Array([]), .int8Array([])]
        ).only()
        summary.waiting = Int(try backlog.int64(0))
        summary.rejects = Int(try backlog.int64(2))
    }

    private func verifyLedger(_ summary: inout Summary) async throws {
        progress(.ledger)
        var after: Int64 = .min
        var through: Int64 = 0
        let head = Int64(summary.last.rawValue)
        while true {
            try await verifyRows(
                VerifySQL.ledger, .ledger, with: [.int8(after), .int8(through)], &summary)
            guard through < .max else { return }
            after = through
            through = after < head ? after + Int64(Self.ledgerPositions) : .max
        }
    }

    /// Runs a statement whose rows are findings: position, what is wrong.
    private func verifyRows(
        _ statement: Statement, _ kind: LogFinding.Kind, with parameters: [Parameter] = [],
        _ summary: inout Summary
    ) async throws {
        for row in try await pool.execute(statement, parameters) {
            let position = try row.optionalInt64(0).map { Position(UInt64(clamping: $0)) }
            report(LogFinding(kind, position, nil, try row.string(1)), &summary)
        }
    }
}
