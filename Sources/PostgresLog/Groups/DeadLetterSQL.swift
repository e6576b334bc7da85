import Postgres

/// The statements of dead letters; each in `SQL/NAME.sql`, where its parameters and result are
/// told.
enum DeadLetterSQL {
    static let list = SQLText.statement(
        "dead_letters_list", PackageResources.dead_letters_list_sql)
    static let attempts = SQLText.statement(
        "dead_letters_attempts", PackageResources.dead_letters_attempts_sql)
    static let revive = SQLText.statement(
        "dead_letters_revive", PackageResources.dead_letters_revive_sql)
    static let discard = SQLText.statement(
        "dead_letters_discard", PackageResources.dead_letters_discard_sql)
}
