import Events
import Handlers
import Postgres

@testable import PostgresLog

/// What the shipped projections' tables hold, and how it gets there without a handler.
extension TestLog {
    static let projectedTables = HandlerRegistry.projections.flatMap(\.tables).sorted()

    /// As the books do: a transaction for the events of a batch that a projection takes.
    func project(_ events: [RecordedEvent]) async throws {
        for projection in HandlerRegistry.projections {
            let changes = try events.filter { event in
                projection.types.contains { $0.matches(event.type) }
            }.flatMap { try projection.changes(for: $0) ?? [] }
            guard !changes.isEmpty else { continue }
            try await pool.transaction { try await $0.apply(changes) }
        }
    }

    /// The rows of every table, as text, in order.
    func projectedRows() async throws -> [String: [String]] {
        var found: [String: [String]] = [:]
        for table in Self.projectedTables {
            let rows = try await rows("select t::text from apus.\(table) t order by 1")
            found[table] = try rows.map { try $0.string(0) }
        }
        return found
    }

    func forgetProjected() async throws {
        let tables = Self.projectedTables.map { "apus.\($0)" }
        try await script("truncate \(tables.joined(separator: ", "))")
    }

    /// Leads with source and position, the funnel, touches and leads by source.
    func leads() async throws -> [String] {
        let rows = try await rows(
            """
            select concat_ws(' ', lead_id, source, position), 1 as part, source from apus.leads
            union all
            select concat_ws(' ', source, stage, leads), 2, source from apus.lead_funnel
            union all
            select concat_ws(' ', source, touches, leads), 3, source from apus.lead_attribution
            order by part, source
            """)
        return try rows.map { try $0.string(0) }
    }
}
