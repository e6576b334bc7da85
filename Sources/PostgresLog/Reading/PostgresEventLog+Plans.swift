import Postgres

extension PostgresEventLog {
    /// Where the reading statements say whether more is stored than their plan is sure to see.
    private static let hasMoreColumn = 28
    private static let maxAttempts = 5

    /// Runs one of the reading statements.
    ///
    /// When a partition was made and filled while the statement was on its way, its plan may lack
    /// it, and the statement stops before it. Then the partition is opened to readers, which makes
    /// old plans void, and the statement is run again.
    func readEvents(_ statement: Statement, _ parameters: [Parameter]) async throws -> Rows {
        var attempts = 0
        while true {
            let rows = try await pool.execute(statement, parameters)
            attempts += 1
            guard let first = rows.first, try first.bool(Self.hasMoreColumn),
                attempts < Self.maxAttempts
            else { return rows }
            do {
                _ = try await pool.execute(SQLText.partitionOpen)
            } catch let error as PostgresError where error.code == .timedOut {
                // Somebody works on the table of events: it is for the next read.
                return rows
            }
        }
    }
}
