import Events
import Postgres

extension EventAudit.Row {
    /// Reads a row of `SQL/verify_events.sql`; nil when it has no event.
    init?(_ row: Row) throws(PostgresError) {
        let reader = EventRow(first: 1)
        guard try !reader.isNull(row) else { return nil }
        position = try reader.position(row)
        id = EventID(try row.uuid(4))
        kind = Int(try row.int16(8))
        nanoseconds = Int(try row.int16(9))
        checksum = try row.optionalInt64(25).map { EventChecksum(rawValue: $0) }
        earliest = try row.position(0)
        if let tenant = try row.optionalString(26), let type = try row.optionalString(27) {
            event = try reader.event(
                row, tenant: TenantID(unchecked: tenant),
                type: Directory.TypeKey(
                    name: type, version: UInt32(clamping: try row.int32(28)),
                    message: try row.string(29)))
        } else {
            event = nil
        }
        guard let known = try row.optionalInt64(30) else {
            identity = nil
            return
        }
        let key = try row.optionalUUID(31)
        let wanted = event.flatMap { SubjectKey.of(tenant: $0.tenant, subject: $0.subject) }
        identity = EventAudit.Identity(
            position: Position(UInt64(clamping: known)), hasSubjectKey: key != nil,
            isOfSubject: event == nil || key == wanted)
    }
}
