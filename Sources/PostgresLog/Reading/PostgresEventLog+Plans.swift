import Postgres

extension PostgresEventLog {
    private static let maxAttempts = 5

    /// Runs a statement that reads events.
    ///
    /// When a partition was made while the statement was on its way, or while its session read the
    /// list of partitions, its plan may lack that partition; the statement notices, as
    /// `SQL/m0160_renewed_plans.sql` says. Then plans are made anew, and the statement is run again:
    /// the second time it sees whatever was stored at the first.
    ///
    /// - Parameter lackColumn: Where the first row says whether the plan lacks something.
    func readEvents(
        _ statement: Statement, _ parameters: [Parameter], lackColumn: Int
    ) async throws -> Rows {
        var attempts = 0
        while true {
            let rows = try await pool.execute(statement, parameters)
            attempts += 1
            guard let first = rows.first, try first.bool(lackColumn), attempts < Self.maxAttempts
            else { return rows }
            do {
                _ = try await pool.execute(SQLText.plansRenew)
            } catch let error as PostgresError where error.code == .timedOut {
                // Somebody works on the table of events: it is for the next read.
                return rows
            }
        }
    }
}
