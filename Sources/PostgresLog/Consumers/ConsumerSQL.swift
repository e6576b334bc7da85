import Postgres

/// The consumers' statements; each in `SQL/NAME.sql`, where its parameters and result are told.
enum ConsumerSQL {
    static let leaseAcquire = statement("lease_acquire", PackageResources.lease_acquire_sql)
    static let leaseRenew = statement("lease_renew", PackageResources.lease_renew_sql)

    static let handlersRegisterConsumers = statement(
        "handlers_register_consumers", PackageResources.handlers_register_consumers_sql)
    static let handlersUpdate = statement("handlers_update", PackageResources.handlers_update_sql)
    static let handlersRegister = statement(
        "handlers_register", PackageResources.handlers_register_sql)
    static let handlersRegisterPatterns = statement(
        "handlers_register_patterns", PackageResources.handlers_register_patterns_sql)
    static let handlersProgress = statement(
        "handlers_progress", PackageResources.handlers_progress_sql)
    static let handlersList = statement("handlers_list", PackageResources.handlers_list_sql)
    static let handlerPause = statement("handler_pause", PackageResources.handler_pause_sql)
    static let handlerRebuild = statement("handler_rebuild", PackageResources.handler_rebuild_sql)
    static let rebuildKeep = statement("rebuild_keep", PackageResources.rebuild_keep_sql)
    static let rebuildLock = statement("rebuild_lock", PackageResources.rebuild_lock_sql)
    static let rebuildWork = statement("rebuild_work", PackageResources.rebuild_work_sql)
    static let rebuildDeadLetters = statement(
        "rebuild_dead_letters", PackageResources.rebuild_dead_letters_sql)
    static let rebuildTable = statement("rebuild_table", PackageResources.rebuild_table_sql)
    static let handlerLock = statement("handler_lock", PackageResources.handler_lock_sql)
    static let handlerForget = statement("handler_forget", PackageResources.handler_forget_sql)
    static let handlersAdopt = statement("handlers_adopt", PackageResources.handlers_adopt_sql)
    static let handlersFind = statement("handlers_find", PackageResources.handlers_find_sql)
    static let handlerUnreached = statement(
        "handler_unreached", PackageResources.handler_unreached_sql)
    static let handlerFinish = statement("handler_finish", PackageResources.handler_finish_sql)

    static let savepoint = statement("savepoint", PackageResources.savepoint_sql)
    static let savepointRelease = statement(
        "savepoint_release", PackageResources.savepoint_release_sql)
    static let savepointBack = statement("savepoint_back", PackageResources.savepoint_back_sql)

    static let ledgerAppend = statement("ledger_append", PackageResources.ledger_append_sql)
    static let eventStandings = statement("event_standings", PackageResources.event_standings_sql)
    static let eventDeliveries = statement(
        "event_deliveries", PackageResources.event_deliveries_sql)
    static let unfinishedNewest = statement(
        "unfinished_newest", PackageResources.unfinished_newest_sql)
    static let unfinishedOldest = statement(
        "unfinished_oldest", PackageResources.unfinished_oldest_sql)

    static let replayInsert = statement("replay_insert", PackageResources.replay_insert_sql)
    static let replayInsertTargets = statement(
        "replay_insert_targets", PackageResources.replay_insert_targets_sql)
    static let replayInsertChunk = statement(
        "replay_insert_chunk", PackageResources.replay_insert_chunk_sql)
    static let replayFind = statement("replay_find", PackageResources.replay_find_sql)
    static let replayList = statement("replay_list", PackageResources.replay_list_sql)
    static let replayCancel = statement("replay_cancel", PackageResources.replay_cancel_sql)
    static let replayWaiting = statement("replay_waiting", PackageResources.replay_waiting_sql)
    static let replayStranded = statement("replay_stranded", PackageResources.replay_stranded_sql)
    static let replayClaim = statement("replay_claim", PackageResources.replay_claim_sql)
    static let replayState = statement("replay_state", PackageResources.replay_state_sql)
    static let replayOpenTargets = statement(
        "replay_open_targets", PackageResources.replay_open_targets_sql)
    static let replayPositions = statement(
        "replay_positions", PackageResources.replay_positions_sql)
    static let replayAttempts = statement(
        "replay_attempts", PackageResources.replay_attempts_sql)
    static let replayKeepHandler = statement(
        "replay_keep_handler", PackageResources.replay_keep_handler_sql)
    static let replayAdvance = statement("replay_advance", PackageResources.replay_advance_sql)
    static let replayFinish = statement("replay_finish", PackageResources.replay_finish_sql)

    private static func statement(_ name: String, _ bytes: [UInt8]) -> Statement {
        Statement(name: name, sql: String(decoding: bytes, as: UTF8.self))
    }
}
