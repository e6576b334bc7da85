import Postgres

/// Retention's statements; each in `SQL/NAME.sql`, where its parameters and result are told.
enum RetentionSQL {
    static let state = SQLText.statement("retention_state", PackageResources.retention_state_sql)
    static let floors = SQLText.statement(
        "retention_floors", PackageResources.retention_floors_sql)
    static let expire = SQLText.statement(
        "retention_expire", PackageResources.retention_expire_sql)
    static let expired = SQLText.statement(
        "partitions_expired", PackageResources.partitions_expired_sql)
    static let drop = SQLText.statement("partition_drop", PackageResources.partition_drop_sql)
    static let size = SQLText.statement("partition_size", PackageResources.partition_size_sql)
    static let stock = SQLText.statement("partition_stock", PackageResources.partition_stock_sql)
    static let ledgerPrune = SQLText.statement("ledger_prune", PackageResources.ledger_prune_sql)
    static let replaysPrune = SQLText.statement("replays_prune", PackageResources.replays_prune_sql)
    static let deadLettersPrune = SQLText.statement(
        "dead_letters_prune", PackageResources.dead_letters_prune_sql)
}
