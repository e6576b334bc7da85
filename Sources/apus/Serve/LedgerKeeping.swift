import Configuration
import Postgres

/// Which runs the ledger keeps.
enum LedgerKeeping: String, CaseIterable, Sendable {
    case all
    /// Those that failed, and what became of dead letters.
    case failures

    static let choices = allCases.map { ($0.rawValue, $0) }

    static let flag = Flag.value(
        "ledger", "WHICH",
        "all, or failures: keeps no deliveries that ended well; statuses are the same; default all."
    )

    /// Has the sessions keep no others; see `SQL/m0202_ledger_failures.sql`.
    func apply(to database: inout PostgresConfiguration) {
        if self == .failures { database.sessionSettings["apus.ledger"] = rawValue }
    }
}
