public import Events
public import Postgres

/// The audit trail in the table `apus.audit_trail`; see `SQL/m0187_audit.sql`.
public struct PostgresAuditTrail: AuditTrail {
    private let store: ConsumerStore

    public init(pool: PostgresPool) {
        store = ConsumerStore(pool: pool)
    }

    /// Source: `SQL/audit_claim.sql`.
    public func claim(fence: Int64) async throws -> AuditClaim {
        let rows = try await store.execute(AuditSQL.claim, [.int8(fence)])
        guard let row = rows.first else { throw BooksError.fenced }
        return try ConsumerStore.reading { () throws(PostgresError) in
            AuditClaim(
                head: try Self.head(row), publishedBefore: .seconds(max(0, try row.double(3))))
        }
    }

    /// Source: `SQL/audit_extend.sql`.
    public func extend(fence: Int64, limit: Int) async throws -> AuditStep {
        let rows = try await store.execute(
            AuditSQL.extend, [.int8(fence), .int4(Int32(clamping: limit))])
        guard let row = rows.first else { throw BooksError.fenced }
        return try ConsumerStore.reading { () throws(PostgresError) in
            let dropped = try row.optionalInt64(5).map { Position(UInt64(clamping: $0)) }
            return AuditStep(
                head: try Self.head(row), logHead: try row.position(3),
                isMissing: try row.bool(4), droppedSince: dropped)
        }
    }

    /// Source: `SQL/audit_due.sql`.
    public func hasNews(fence: Int64) async throws -> Bool {
        !(try await store.execute(AuditSQL.due, [.int8(fence)])).isEmpty
    }

    /// Source: `SQL/audit_published.sql`.
    public func published(at position: Position, fence: Int64) async throws {
        _ = try await store.execute(AuditSQL.published, [.int8(fence), .position(position)])
    }

    private static func head(_ row: Row) throws(PostgresError) -> AuditHead {
        AuditHead(
            position: try row.position(0), rows: UInt64(clamping: try row.int64(1)),
            hash: try row.bytes(2))
    }
}

/// The audit trail's statements; each in `SQL/NAME.sql`, where its parameters and result are told.
enum AuditSQL {
    static let claim = SQLText.statement("audit_claim", PackageResources.audit_claim_sql)
    static let extend = SQLText.statement("audit_extend", PackageResources.audit_extend_sql)
    static let due = SQLText.statement("audit_due", PackageResources.audit_due_sql)
    static let published = SQLText.statement(
        "audit_published", PackageResources.audit_published_sql)
}
