import Postgres

/// The outbox's statements; each in `SQL/NAME.sql`, where its parameters and result are told.
enum OutboxSQL {
    static let page = statement("outbox_page", PackageResources.outbox_page_sql)
    static let drain = statement("outbox_drain", PackageResources.outbox_drain_sql)
    static let refuse = statement("outbox_refuse", PackageResources.outbox_refuse_sql)
    static let backlog = statement("outbox_backlog", PackageResources.outbox_backlog_sql)
    static let limits = statement("outbox_limits", PackageResources.outbox_limits_sql)

    private static func statement(_ name: String, _ bytes: [UInt8]) -> Statement {
        Statement(name: name, sql: String(decoding: bytes, as: UTF8.self))
    }
}
