import Events

/// Checks the events of a log one after the other.
struct EventAudit {
    /// An event with what belongs to it.
    struct Row {
        let position: Position
        let id: EventID
        /// Nil when its tenant or its type has no name.
        let event: RecordedEvent?
        /// As in apus.v1.EventKind.
        let kind: Int
        /// Nanoseconds of `occurred_at`: 0...999.
        let nanoseconds: Int
        /// Nil for an event of a release that kept none.
        let checksum: EventChecksum?
        /// Nil when it has none.
        let identity: Identity?
        /// Of the log when the row was read.
        let earliest: Position
    }

    struct Identity {
        let position: Position
        let hasSubjectKey: Bool
        /// Whether its subject key is that of the event.
        let isOfSubject: Bool
    }

    private let schemas: any SchemaCatalogue
    private var expected: Position
    private var newest: Timestamp?
    private(set) var events = 0
    private(set) var withoutChecksum = 0
    /// Their payload's message is not in the catalogue.
    private(set) var unknownSchemas = 0

    /// - Parameter earliest: The first position that must be there.
    init(from earliest: Position, schemas: any SchemaCatalogue) {
        expected = earliest
        self.schemas = schemas
    }

    /// The next event, in order of position.
    mutating func look(at row: Row) -> [LogFinding] {
        events += 1
        var findings = advance(to: row.position, earliest: row.earliest)
        expected = row.position.next
        func add(_ kind: LogFinding.Kind, _ message: String) {
            findings.append(LogFinding(kind, row.position, row.id, message))
        }
        if let identity = row.identity {
            if identity.position != row.position {
                add(.identity, "its id is known from position \(identity.position)")
            } else if !identity.isOfSubject {
                let which = identity.hasSubjectKey ? "another" : "no"
                add(.identity, "its identity has \(which) subject")
            }
        } else {
            add(.identity, "it has no identity: its id would be taken again")
        }
        if EventKind(rawValue: row.kind) == nil || row.kind == 0 {
            add(.value, "its kind is \(row.kind), not 1 to 3")
        }
        if !(0...999).contains(row.nanoseconds) {
            add(.value, "it has \(row.nanoseconds) nanoseconds, not 0 to 999")
        }
        guard let event = row.event else {
            add(.value, "its tenant or its type has no name")
            return findings
        }
        if let newest, event.recordedAt < newest {
            add(.order, "it was recorded before the event in front of it")
        }
        newest = event.recordedAt
        let partition = Partition.of(tenant: event.tenant, key: event.partitionKey)
        if event.partition != partition {
            add(.partition, "its partition is \(event.partition), not \(partition)")
        }
        if let fault = fault(of: event) { add(.schema, fault) }
        if let checksum = row.checksum {
            if checksum != EventChecksum(event) {
                add(.checksum, "it is not what was published: its checksum is another")
            }
        } else {
            withoutChecksum += 1
        }
        return findings
    }

    /// All up to there has been read.
    mutating func end(at head: Position, earliest: Position) -> [LogFinding] {
        advance(to: head.next, earliest: earliest)
    }

    /// What lies before a position must have expired.
    private mutating func advance(to position: Position, earliest: Position) -> [LogFinding] {
        expected = max(expected, min(earliest, position))
        guard position > expected else { return [] }
        let last = position.previous
        let gap = expected == last ? "there is no event" : "there are no events up to \(last)"
        return [LogFinding(.missing, expected, nil, gap)]
    }

    private mutating func fault(of event: RecordedEvent) -> String? {
        guard let type = schemas.eventType(forMessage: event.messageName) else {
            unknownSchemas += 1
            return nil
        }
        guard type.type == event.type, type.version == event.version else {
            return "its data is of \(type.type) version \(type.version), and it is said to be of"
                + " \(event.type) version \(event.version)"
        }
        guard let fault = schemas.check(event.data, message: event.messageName) else { return nil }
        let field = fault.field.isEmpty ? "data" : "data.\(fault.field)"
        return "its data is no \(event.messageName): \(field) \(fault.description)"
    }
}
