/// Makes events of what lies in the outbox, by the same rules as a publish.
struct OutboxChecker {
    private let schemas: any OutboxSchemas
    private let limits: PublishLimits
    private let newest: [String: UInt32]

    init(schemas: any OutboxSchemas, limits: PublishLimits) {
        self.schemas = schemas
        self.limits = limits
        newest = Dictionary(
            schemas.eventTypes.map { ($0.type, $0.version) }, uniquingKeysWith: max)
    }

    func check(_ entry: OutboxEntry) -> Result<NewEvent, OutboxRefusal> {
        do throws(EventsError) {
            return .success(try event(entry))
        } catch {
            return .failure(OutboxRefusal(.invalid, error.message))
        }
    }

    private func event(_ entry: OutboxEntry) throws(EventsError) -> NewEvent {
        var draft = entry.draft
        guard let tenant = TenantID(draft.tenant) else {
            throw .invalid("event.tenant", "must match [A-Za-z0-9._-]{1,64}")
        }
        let version = draft.version == 0 ? newest[draft.type] ?? 0 : draft.version
        guard let message = schemas.message(forType: draft.type, version: version) else {
            throw .invalid(
                "event.type",
                version == 0
                    ? "is not in the catalogue" : "is not in the catalogue in version \(version)")
        }
        switch entry.payload {
        case .json(let json):
            draft.data = try schemas.payload(json: json, message: message, path: "event.data")
        case .protobuf(let bytes): draft.data = bytes
        }
        draft.typeURL = EventChecker.typeURLPrefix + message
        draft.fingerprint = schemas.fingerprint(of: draft)
        if draft.metadata.correlationID.isEmpty {
            draft.metadata.correlationID = entry.id.description
        }
        // What publishing in SQL does not count.
        var limits = limits
        limits.maxEventBytes += draft.typeURL.utf8.count + 2 * entry.id.description.utf8.count
        let checker = EventChecker(
            catalogue: schemas, limits: limits,
            context: PublishContext(caller: Caller(tenant: tenant)), now: entry.publishedAt)
        // Also one of our own: an outbox that was restored by itself may hold what the log has.
        draft.id = entry.id.description
        return try checker.check(draft, path: "event")
    }
}
