import Postgres

/// The statements of groups and of consumers' work; each in `SQL/NAME.sql`, where its parameters
/// and result are told.
enum GroupSQL {
    static let create = SQLText.statement("group_create", PackageResources.group_create_sql)
    static let find = SQLText.statement("group_find", PackageResources.group_find_sql)
    static let list = SQLText.statement("group_list", PackageResources.group_list_sql)
    static let standings = SQLText.statement(
        "group_standings", PackageResources.group_standings_sql)
    static let update = SQLText.statement("group_update", PackageResources.group_update_sql)
    static let lock = SQLText.statement("group_lock", PackageResources.group_lock_sql)
    static let reset = SQLText.statement("group_reset", PackageResources.group_reset_sql)
    static let forget = SQLText.statement("group_forget", PackageResources.group_forget_sql)
    static let delete = SQLText.statement("group_delete", PackageResources.group_delete_sql)

    static let beat = SQLText.statement("consumer_beat", PackageResources.consumer_beat_sql)
    static let end = SQLText.statement("consumer_end", PackageResources.consumer_end_sql)
    static let survey = SQLText.statement("consumer_survey", PackageResources.consumer_survey_sql)
    static let take = SQLText.statement("partitions_take", PackageResources.partitions_take_sql)
    static let workLeft = SQLText.statement("work_left", PackageResources.work_left_sql)
    static let lanesLeft = SQLText.statement("lanes_left", PackageResources.lanes_left_sql)
    static let begunLeft = SQLText.statement("begun_left", PackageResources.begun_left_sql)
    static let consume = SQLText.statement("consume", PackageResources.consume_sql)
    static let consumed = SQLText.statement("consumed", PackageResources.consumed_sql)
    static let remarks = SQLText.statement("remarks", PackageResources.remarks_sql)
    static let revivals = SQLText.statement("revivals", PackageResources.revivals_sql)
    static let remark = SQLText.statement("remark", PackageResources.remark_sql)
    static let eventsKept = SQLText.statement("events_kept", PackageResources.events_kept_sql)
    static let hint = SQLText.statement("group_hint", PackageResources.group_hint_sql)
}
