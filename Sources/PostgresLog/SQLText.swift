import Postgres

/// The statements of `SQL/`, one constant a file.
enum SQLText {
    static let append = statement("append", PackageResources.append_sql)
    static let appendOfBatch = statement("append_of_batch", PackageResources.append_of_batch_sql)
    static let appendOne = statement("append_one", PackageResources.append_one_sql)
    static let appendsPrune = statement("appends_prune", PackageResources.appends_prune_sql)
    static let bounds = statement("bounds", PackageResources.bounds_sql)
    static let eventsByID = statement("events_by_id", PackageResources.events_by_id_sql)
    static let eventsByPosition = statement(
        "events_by_position", PackageResources.events_by_position_sql)
    static let hint = statement("hint", PackageResources.hint_sql)
    static let hintAudience = statement("hint_audience", PackageResources.hint_audience_sql)
    static let migrationsApplied = statement(
        "migrations_applied", PackageResources.migrations_applied_sql)
    static let migrationsLock = statement("migrations_lock", PackageResources.migrations_lock_sql)
    static let migrationsPatience = statement(
        "migrations_patience", PackageResources.migrations_patience_sql)
    static let migrationsPrepareLock = statement(
        "migrations_prepare_lock", PackageResources.migrations_prepare_lock_sql)
    static let migrationsRecord = statement(
        "migrations_record", PackageResources.migrations_record_sql)
    static let migrationsTable = statement(
        "migrations_table", PackageResources.migrations_table_sql)
    static let openEpoch = statement("open_epoch", PackageResources.open_epoch_sql)
    static let partitionAdd = statement("partition_add", PackageResources.partition_add_sql)
    static let partitionCover = statement("partition_cover", PackageResources.partition_cover_sql)
    static let partitionOpen = statement("partition_open", PackageResources.partition_open_sql)
    static let partitionsAhead = statement(
        "partitions_ahead", PackageResources.partitions_ahead_sql)
    static let placesByID = statement("places_by_id", PackageResources.places_by_id_sql)
    static let plansRenew = statement("plans_renew", PackageResources.plans_renew_sql)
    static let positionSince = statement("position_since", PackageResources.position_since_sql)
    static let readHistory = statement("read_history", PackageResources.read_history_sql)
    static let readLog = statement("read_log", PackageResources.read_log_sql)
    static let readLogBackward = statement(
        "read_log_backward", PackageResources.read_log_backward_sql)
    static let readTenants = statement("read_tenants", PackageResources.read_tenants_sql)
    static let readTenantsBackward = statement(
        "read_tenants_backward", PackageResources.read_tenants_backward_sql)
    static let readTenantHistory = statement(
        "read_tenant_history", PackageResources.read_tenant_history_sql)
    static let tenantsAdd = statement("tenants_add", PackageResources.tenants_add_sql)
    static let tenantsByID = statement("tenants_by_id", PackageResources.tenants_by_id_sql)
    static let tenantsByName = statement("tenants_by_name", PackageResources.tenants_by_name_sql)
    static let typesAdd = statement("types_add", PackageResources.types_add_sql)
    static let typesAll = statement("types_all", PackageResources.types_all_sql)

    static func statement(_ name: String, _ sql: [UInt8]) -> Statement {
        Statement(name: name, sql: String(decoding: sql, as: UTF8.self))
    }
}
