extension EventFilter {
    /// The filter of a request, checked.
    ///
    /// - Parameters:
    ///   - types: Patterns; see ``TypePattern``.
    ///   - tenants: Empty: the caller's own; `*`: all, for callers who may see all.
    ///   - kinds: Numbers of `apus.v1.EventKind`.
    ///   - field: Path of the filter in the request, for messages: `filter`.
    /// - Throws: ``EventsError``: `.invalidArgument` naming each wrong field, `.permissionDenied`
    ///   for a tenant that is not the caller's.
    public init(
        types: [String], tenants: [String], subjectPrefix: String, sources: [String],
        kinds: [Int], caller: Caller, field: String = "filter"
    ) throws(EventsError) {
        var faults: [FieldViolation] = []
        func refuse(_ name: String, _ description: String) {
            faults.append(FieldViolation(field: "\(field).\(name)", description: description))
        }
        /// The entries of a list; of one that is too long none is looked at.
        func entries<Entry>(_ name: String, _ list: [Entry]) -> EnumeratedSequence<[Entry]> {
            if list.count <= Self.maxListEntries { return list.enumerated() }
            refuse(name, "has more than \(Self.maxListEntries) entries")
            return [].enumerated()
        }
        var patterns: [TypePattern] = []
        for (index, text) in entries("types", types) {
            if let pattern = TypePattern(text) {
                patterns.append(pattern)
            } else {
                refuse("types[\(index)]", "must be segments of [a-z0-9_]+, '*' or a last '**'")
            }
        }
        var wantedKinds: Set<EventKind> = []
        for (index, number) in entries("kinds", kinds) {
            if let kind = EventKind(rawValue: number) {
                wantedKinds.insert(kind)
            } else {
                refuse("kinds[\(index)]", "is no event kind")
            }
        }
        if subjectPrefix.utf8.count > PublishLimits.maxNameBytes {
            refuse("subject_prefix", "is longer than \(PublishLimits.maxNameBytes) bytes")
        }
        if subjectPrefix.utf8.contains(0) {
            refuse("subject_prefix", "must not hold a NUL character")
        }
        for (index, source) in entries("sources", sources) {
            if source.utf8.count > PublishLimits.maxNameBytes {
                refuse("sources[\(index)]", "is longer than \(PublishLimits.maxNameBytes) bytes")
            }
            if source.utf8.contains(0) {
                refuse("sources[\(index)]", "must not hold a NUL character")
            }
        }
        var wantedTenants: Set<TenantID> = []
        for (index, text) in entries("tenants", tenants) where text != "*" {
            if let tenant = TenantID(text) {
                wantedTenants.insert(tenant)
            } else {
                refuse("tenants[\(index)]", "must match [A-Za-z0-9._-]{1,64}")
            }
        }
        guard faults.isEmpty else { throw .invalid(faults) }
        for tenant in wantedTenants.sorted() where !caller.mayAct(for: tenant) {
            throw .tenantDenied(tenant.rawValue)
        }
        let selection: Tenants
        if tenants.contains("*") {
            guard caller.seesAllTenants else { throw .tenantDenied("*") }
            selection = .all
        } else {
            selection = .only(wantedTenants.isEmpty ? [caller.tenant] : wantedTenants)
        }
        self.init(
            types: patterns, tenants: selection, subjectPrefix: subjectPrefix,
            sources: sources, kinds: wantedKinds)
    }

    /// Bound of each list of a filter, so that one request cannot hold a thousand patterns up
    /// against every event.
    public static let maxListEntries = 100
}
