import EventProtos
public import Events

/// How the audit trail's end is told to the world, and read back.
public enum AuditEvents {
    /// Whose events they are.
    static let tenant = TenantID(unchecked: "apus")

    /// The draft of the event that publishes an end; for the same end the same event.
    public static func draft(_ head: AuditHead) -> EventDraft {
        EventDraft(
            ApusEventsSystemV1.AuditHead(
                position: head.position.rawValue, hash_: head.hash, rows: head.rows),
            id: .derived(for: "audit", from: head.hash, Array("\(head.position)".utf8)),
            tenant: tenant, subject: "audit")
    }

    /// What such an event says; nil when it is none of ours.
    public static func head(of event: RecordedEvent) -> AuditHead? {
        guard event.tenant == tenant, event.source == EventDraft.ownSource,
            let told = try? event.payload(ApusEventsSystemV1.AuditHead.self),
            Position(told.position) <= .max
        else { return nil }
        return AuditHead(position: Position(told.position), rows: told.rows, hash: told.hash_)
    }
}
