public import Events
import Postgres

extension PostgresEventLog {
    public func readHistory(
        after: Position, filter: EventFilter, limit: Int, maxBytes: Int
    ) async throws -> HistoryPage {
        do {
            let limit = Self.rows(limit, in: maxBytes)
            let read = try await subscribersReads.passing(of: filter.onlyTenant) {
                try await rows(
                    Stretch(after: after, through: .max, backward: false), filter, limit: limit,
                    maxBytes: maxBytes)
            }
            try await check(after, in: read)
            let reader = EventRow(first: Self.firstColumn)
            let events = EventsOfRows(
                rows: read.rows, first: try read.rows.prefix { try reader.isNull($0) }.count,
                reader: reader, names: try await names(in: read.rows, reader))
            let scanned =
                events.count >= limit ? try events.lastPosition ?? after : read.scanned
            return HistoryPage(
                events, scannedThrough: max(after, min(scanned, read.head)), head: read.head,
                epoch: read.epoch)
        } catch let error as PostgresError {
            throw EventsError(store: error)
        }
    }
}

/// History as Postgres answered it: its fields are read where they lie.
private struct EventsOfRows: HistoryRows {
    let rows: Rows
    /// The row of the first event: one that tells of the log alone may come before it.
    let first: Int
    let reader: EventRow
    /// Nil where there is no event.
    let names: PostgresEventLog.Names?

    var count: Int { rows.count - first }
    var footprint: Int { rows.footprint }

    var lastPosition: Position? {
        get throws(PostgresError) {
            try rows.last.map { row throws(PostgresError) in try reader.position(row) }
        }
    }

    func forEach(from first: Int, _ body: (EventFields) -> Bool) throws(EventsError) {
        guard let names else { return }
        do throws(PostgresError) {
            // Most rows have the same names as the one before.
            var last: (tenant: Int32, type: Int32, names: (TenantID, Directory.TypeKey))?
            for row in rows[(self.first + first)...] {
                let tenant = try reader.tenant(row)
                let type = try reader.type(row)
                let found: (TenantID, Directory.TypeKey)
                if let last, last.tenant == tenant, last.type == type {
                    found = last.names
                } else {
                    found = try names.of(row, reader)
                    last = (tenant, type, found)
                }
                let fields = try reader.fields(row, tenant: found.0, type: found.1)
                guard body(fields) else { return }
            }
        } catch {
            throw EventsError(store: error)
        }
    }
}
