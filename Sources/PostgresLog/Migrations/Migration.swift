/// One step of the schema. Never edited once released.
struct Migration: Sendable {
    /// As its file, without the extension.
    let name: String
    let sql: String

    init(_ name: String, _ sql: [UInt8]) {
        self.name = name
        self.sql = String(decoding: sql, as: UTF8.self)
    }

    /// In the order in which they are applied.
    static let all: [Migration] = [
        Migration("m0001_log", PackageResources.m0001_log_sql),
        Migration("m0002_append", PackageResources.m0002_append_sql),
        Migration("m0101_handlers", PackageResources.m0101_handlers_sql),
        Migration("m0102_replays", PackageResources.m0102_replays_sql),
        Migration("m0103_lead_analytics", PackageResources.m0103_lead_analytics_sql),
        Migration("m0110_checksum", PackageResources.m0110_checksum_sql),
        Migration(
            "m0111_append_by_subscript", PackageResources.m0111_append_by_subscript_sql),
        Migration("m0115_outbox", PackageResources.m0115_outbox_sql),
        Migration("m0116_publish", PackageResources.m0116_publish_sql),
        Migration("m0120_retention", PackageResources.m0120_retention_sql),
        Migration("m0121_places", PackageResources.m0121_places_sql),
        Migration("m0122_open_partitions", PackageResources.m0122_open_partitions_sql),
        Migration("m0130_groups", PackageResources.m0130_groups_sql),
        Migration("m0131_consuming", PackageResources.m0131_consuming_sql),
        Migration("m0132_group_floors", PackageResources.m0132_group_floors_sql),
        Migration("m0140_open_dead_letters", PackageResources.m0140_open_dead_letters_sql),
        Migration("m0150_epochs", PackageResources.m0150_epochs_sql),
        Migration("m0160_renewed_plans", PackageResources.m0160_renewed_plans_sql),
        Migration("m0165_append_one", PackageResources.m0165_append_one_sql),
        Migration("m0170_handler_work", PackageResources.m0170_handler_work_sql),
        Migration("m0171_rebuild", PackageResources.m0171_rebuild_sql),
        Migration("m0185_analytics", PackageResources.m0185_analytics_sql),
        Migration("m0186_inventory", PackageResources.m0186_inventory_sql),
        Migration("m0187_audit", PackageResources.m0187_audit_sql),
        Migration("m0195_repeated_batches", PackageResources.m0195_repeated_batches_sql),
        Migration("m0196_floors_hold", PackageResources.m0196_floors_hold_sql),
        Migration("m0197_take_by_version", PackageResources.m0197_take_by_version_sql),
        Migration("m0200_public_events", PackageResources.m0200_public_events_sql),
        Migration("m0201_retention_floors", PackageResources.m0201_retention_floors_sql),
        Migration("m0202_ledger_failures", PackageResources.m0202_ledger_failures_sql),
        Migration("m0205_lead_credit", PackageResources.m0205_lead_credit_sql),
        Migration("m0215_begun", PackageResources.m0215_begun_sql),
        Migration("m0220_newest_events", PackageResources.m0220_newest_events_sql),
        Migration("m0235_consume_by_index", PackageResources.m0235_consume_by_index_sql),
        Migration(
            "m0237_resolved_dead_letters", PackageResources.m0237_resolved_dead_letters_sql),
        Migration("m0238_revivals", PackageResources.m0238_revivals_sql),
        Migration("m0239_matching_types", PackageResources.m0239_matching_types_sql),
        Migration("m0240_undisturbed_appends", PackageResources.m0240_undisturbed_appends_sql),
        Migration("m0241_replay_bounds", PackageResources.m0241_replay_bounds_sql),
        Migration("m0243_letters_of_tenants", PackageResources.m0243_letters_of_tenants_sql),
        Migration("m0244_waiting_lines", PackageResources.m0244_waiting_lines_sql),
        Migration("m0245_event_bytes", PackageResources.m0245_event_bytes_sql),
        Migration("m0246_nothing_passed_unseen", PackageResources.m0246_nothing_passed_unseen_sql),
        Migration("m0247_let_go", PackageResources.m0247_let_go_sql),
        Migration("m0248_audit_by_position", PackageResources.m0248_audit_by_position_sql),
    ]
}
