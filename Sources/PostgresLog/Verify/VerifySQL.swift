import Postgres

/// The statements of `apus verify`; each in `SQL/NAME.sql`, where its parameters and result are told.
enum VerifySQL {
    static let events = SQLText.statement("verify_events", PackageResources.verify_events_sql)
    static let payloads = SQLText.statement("verify_payloads", PackageResources.verify_payloads_sql)
    static let identities = SQLText.statement(
        "verify_identities", PackageResources.verify_identities_sql)
    static let appends = SQLText.statement("verify_appends", PackageResources.verify_appends_sql)
    static let partitions = SQLText.statement(
        "verify_partitions", PackageResources.verify_partitions_sql)
    static let epochs = SQLText.statement("verify_epochs", PackageResources.verify_epochs_sql)
    static let cursors = SQLText.statement("verify_cursors", PackageResources.verify_cursors_sql)
    static let deadLetters = SQLText.statement(
        "verify_dead_letters", PackageResources.verify_dead_letters_sql)
    static let outbox = SQLText.statement("verify_outbox", PackageResources.verify_outbox_sql)
    static let projections = SQLText.statement(
        "verify_projections", PackageResources.verify_projections_sql)
    static let ledger = SQLText.statement("verify_ledger", PackageResources.verify_ledger_sql)
    static let audit = SQLText.statement("verify_audit", PackageResources.verify_audit_sql)
    static let auditHead = SQLText.statement(
        "verify_audit_head", PackageResources.verify_audit_head_sql)
    static let auditPublished = SQLText.statement(
        "verify_audit_published", PackageResources.verify_audit_published_sql)
}
