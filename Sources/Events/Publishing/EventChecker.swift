/// Checks drafts and fills in their defaults.
struct EventChecker {
    let catalogue: any SchemaCatalogue
    let limits: PublishLimits
    let context: PublishContext
    /// Time of receipt.
    let now: Timestamp

    /// - Parameter path: Of the event in the request.
    /// - Throws: ``EventsError``: `.permissionDenied`, else `.invalidArgument` with every fault.
    func check(_ draft: EventDraft, path: FaultPath) throws(EventsError) -> NewEvent {
        var faults = FaultList(path: path)
        let tenant = try tenant(of: draft, &faults)
        guard draft.byteCount <= limits.maxEventBytes else {
            faults.add("", "the event is larger than \(limits.maxEventBytes) bytes")
            throw .invalid(faults.violations)
        }
        let id = id(of: draft, &faults)
        let schema = schema(of: draft, &faults)
        let kind = kind(of: draft, schema, &faults)
        checkTexts(draft, &faults)
        checkExtra(draft.metadata.extra, &faults)
        if let occurredAt = draft.occurredAt, !occurredAt.isValid {
            faults.add("occurred_at", "must be within the years 1 to 9999")
        }
        guard let tenant, let id, let schema, let kind, faults.violations.isEmpty else {
            throw .invalid(faults.violations)
        }
        if let fault = catalogue.check(draft.data, message: schema.message) {
            faults.add(fault.field.isEmpty ? "data" : "data.\(fault.field)", fault.description)
            throw .invalid(faults.violations)
        }
        return complete(draft, id: id, tenant: tenant, schema: schema, kind: kind)
    }

    private func complete(
        _ draft: EventDraft, id: EventID, tenant: TenantID, schema: EventTypeInfo, kind: EventKind
    ) -> NewEvent {
        var metadata = draft.metadata
        if metadata.correlationID.isEmpty { metadata.correlationID = id.description }
        if metadata.userAgent.isEmpty { metadata.userAgent = fitting(context.userAgent) }
        if metadata.ipAddress.isEmpty { metadata.ipAddress = fitting(context.ipAddress) }
        if metadata.traceparent.isEmpty { metadata.traceparent = fitting(context.traceparent) }
        var partitionKey = draft.partitionKey
        if partitionKey.isEmpty {
            partitionKey = draft.subject.isEmpty ? tenant.rawValue : draft.subject
        }
        let content = EventContent(
            id: id, type: schema.type, version: schema.version, kind: kind, tenant: tenant,
            source: draft.source, subject: draft.subject, partitionKey: partitionKey,
            occurredAt: draft.occurredAt ?? now, metadata: metadata,
            messageName: schema.message, data: draft.data)
        return NewEvent(
            content, hasCallersID: !draft.id.isEmpty, fingerprint: draft.fingerprint)
    }

    private func tenant(
        of draft: EventDraft, _ faults: inout FaultList
    ) throws(EventsError) -> TenantID? {
        if draft.tenant.isEmpty { return context.caller.tenant }
        guard let tenant = TenantID(draft.tenant) else {
            faults.add("tenant_id", "must match [A-Za-z0-9._-]{1,64}")
            return nil
        }
        guard context.caller.mayAct(for: tenant) else { throw .tenantDenied(draft.tenant) }
        return tenant
    }

    private func id(of draft: EventDraft, _ faults: inout FaultList) -> EventID? {
        if draft.id.isEmpty { return .v7(at: now) }
        guard let id = EventID(draft.id) else {
            faults.add("id", "must be a UUID of 36 characters, or empty")
            return nil
        }
        return id
    }

    /// What the payload's message says, held against what the draft says itself.
    private func schema(of draft: EventDraft, _ faults: inout FaultList) -> EventTypeInfo? {
        if !draft.type.isEmpty, let fault = EventTypeName.fault(in: draft.type) {
            faults.add("type", fault)
            return nil
        }
        guard !draft.typeURL.isEmpty else {
            faults.add("data", "must be set")
            return nil
        }
        guard draft.typeURL.hasPrefix(Self.typeURLPrefix) else {
            faults.add("data.type_url", "must be \(Self.typeURLPrefix)FULL.MESSAGE.NAME")
            return nil
        }
        let name = String(
            decoding: draft.typeURL.utf8.dropFirst(Self.typeURLPrefix.utf8.count), as: UTF8.self)
        guard let schema = catalogue.eventType(forMessage: name) else {
            faults.add("data.type_url", "names no event's message in the catalogue")
            return nil
        }
        if !draft.type.isEmpty, draft.type != schema.type {
            faults.add("type", "must be \(schema.type), as data.type_url says, or empty")
            return nil
        }
        if draft.version != 0, draft.version != schema.version {
            faults.add("version", "must be \(schema.version), as data.type_url says, or 0")
            return nil
        }
        return schema
    }

    private func kind(
        of draft: EventDraft, _ schema: EventTypeInfo?, _ faults: inout FaultList
    ) -> EventKind? {
        if draft.kind == 0 { return schema?.kind }
        guard let kind = EventKind(rawValue: draft.kind) else {
            faults.add("kind", "is no event kind")
            return nil
        }
        return kind
    }

    private func checkTexts(_ draft: EventDraft, _ faults: inout FaultList) {
        let names = PublishLimits.maxNameBytes
        faults.check(draft.source, "source", maxBytes: names)
        faults.check(draft.subject, "subject", maxBytes: names)
        faults.check(draft.partitionKey, "partition_key", maxBytes: names)
        let texts = PublishLimits.maxMetadataBytes
        let metadata = draft.metadata
        faults.check(metadata.correlationID, "metadata.correlation_id", maxBytes: texts)
        faults.check(metadata.causationID, "metadata.causation_id", maxBytes: texts)
        faults.check(metadata.userID, "metadata.user_id", maxBytes: texts)
        faults.check(metadata.sessionID, "metadata.session_id", maxBytes: texts)
        faults.check(metadata.requestID, "metadata.request_id", maxBytes: texts)
        faults.check(metadata.channel, "metadata.channel", maxBytes: texts)
        faults.check(metadata.userAgent, "metadata.user_agent", maxBytes: texts)
        faults.check(metadata.ipAddress, "metadata.ip_address", maxBytes: texts)
        faults.check(metadata.traceparent, "metadata.traceparent", maxBytes: texts)
        faults.check(metadata.tracestate, "metadata.tracestate", maxBytes: texts)
    }

    private func checkExtra(_ extra: [String: String], _ faults: inout FaultList) {
        if extra.isEmpty { return }
        if extra.count > limits.maxExtraEntries {
            faults.add("metadata.extra", "has more than \(limits.maxExtraEntries) entries")
        }
        let bytes = extra.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
        if bytes > limits.maxExtraBytes {
            faults.add("metadata.extra", "is larger than \(limits.maxExtraBytes) bytes")
        }
        if extra.contains(where: { $0.key.holdsNUL || $0.value.holdsNUL }) {
            faults.add("metadata.extra", "must not hold a NUL character")
        }
        if extra.contains(where: { $0.key.holdsLongMarkRun || $0.value.holdsLongMarkRun }) {
            faults.add("metadata.extra", FaultList.longMarkRun)
        }
    }

    /// What the transport says of a call is cut rather than refused, and dropped when a text
    /// column could not hold it.
    private func fitting(_ text: String) -> String {
        guard !text.holdsNUL else { return "" }
        guard text.utf8.count > PublishLimits.maxMetadataBytes else { return text }
        var bytes = 0
        return String(
            text.prefix { character in
                bytes += character.utf8.count
                return bytes <= PublishLimits.maxMetadataBytes
            })
    }

    static let typeURLPrefix = "type.googleapis.com/"
}

/// Where a fault is. Put into words only when there is one.
enum FaultPath: Sendable, ExpressibleByStringLiteral {
    case named(String)
    /// `events[3]`.
    case event(Int)

    init(stringLiteral name: String) { self = .named(name) }

    var words: String {
        switch self {
        case .named(let name): name
        case .event(let index): "events[\(index)]"
        }
    }
}

/// Collects the faults of one event.
struct FaultList {
    let path: FaultPath
    private(set) var violations: [FieldViolation] = []

    init(path: FaultPath) {
        self.path = path
    }

    mutating func add(_ field: String, _ description: String) {
        violations.append(
            FieldViolation(
                field: field.isEmpty ? path.words : "\(path.words).\(field)",
                description: description))
    }

    mutating func check(_ text: String, _ field: String, maxBytes: Int) {
        if text.isEmpty { return }
        if text.utf8.count > maxBytes { add(field, "is longer than \(maxBytes) bytes") }
        if text.holdsNUL { add(field, "must not hold a NUL character") }
        if text.holdsLongMarkRun { add(field, Self.longMarkRun) }
    }

    static let longMarkRun = "must not have more than 64 combining marks in a row"
}

extension String {
    /// Whether a text column of the store would refuse it.
    var holdsNUL: Bool {
        let bytes = utf8.span
        for index in bytes.indices where bytes[index] == 0 { return true }
        return false
    }

    /// Whether those who read it as protobuf would refuse it. Only what was published in SQL was not
    /// refused for that already.
    package var holdsLongMarkRun: Bool {
        // No mark has less than two bytes.
        guard utf8.count > 2 * 64 else { return false }
        var run = 0
        for scalar in unicodeScalars {
            let isMark =
                scalar.value >= 0x300
                && scalar.properties.canonicalCombiningClass != .notReordered
            run = isMark ? run + 1 : 0
            if run > 64 { return true }
        }
        return false
    }
}

extension EventMetadata {
    var byteCount: Int {
        correlationID.utf8.count + causationID.utf8.count + userID.utf8.count
            + sessionID.utf8.count + requestID.utf8.count + channel.utf8.count
            + userAgent.utf8.count + ipAddress.utf8.count + traceparent.utf8.count
            + tracestate.utf8.count
            + extra.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
    }
}

extension EventDraft {
    /// What counts against the limits of size.
    var byteCount: Int {
        data.count + typeURL.utf8.count + id.utf8.count + type.utf8.count + tenant.utf8.count
            + source.utf8.count + subject.utf8.count + partitionKey.utf8.count
            + metadata.byteCount
    }
}
