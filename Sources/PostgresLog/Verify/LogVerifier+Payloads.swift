import Events
import Postgres

// What public.events shows of the events.
extension LogVerifier {
    /// Compares a stretch of the log with the payloads that are written of it.
    ///
    /// - Parameters:
    ///   - page: The events of the stretch.
    ///   - through: Rows of payloads are looked for up to there, also of events that are not.
    func verifyPayloads(
        of page: [EventAudit.Row], after: Position, through: Position, _ summary: inout Summary
    ) async throws {
        guard let json else { return }
        var known: [Bool] = []
        var payloads: [String?] = []
        for row in page {
            let isKnown = row.event.map { schemas.eventType(forMessage: $0.messageName) != nil }
            known.append(isKnown ?? false)
            payloads.append(row.event.flatMap(json))
        }
        let parameters: [Parameter] = [
            .positions(page.map(\.position)), .boolArray(known), .textArray(payloads),
            .position(after), .position(through),
        ]
        var rows = try await pool.execute(VerifySQL.payloads, parameters)
        // A table that came while this was planned would be missed.
        if !rows.isEmpty { rows = try await pool.execute(VerifySQL.payloads, parameters) }
        for row in rows {
            report(LogFinding(.payload, try row.position(0), nil, try row.string(1)), &summary)
        }
    }
}
