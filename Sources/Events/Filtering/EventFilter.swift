/// Which events a reader wants.
public struct EventFilter: Sendable, Hashable {
    /// Whose events.
    public enum Tenants: Sendable, Hashable {
        /// Of every tenant: only for callers who may see all.
        case all
        /// Of these; at least one.
        case only(Set<TenantID>)
    }

    /// An event's type matches one of them; empty matches all.
    public let types: [TypePattern]
    public let tenants: Tenants
    /// Empty matches all.
    public let subjectPrefix: String
    /// Empty matches all.
    public let sources: [String]
    /// Empty matches all.
    public let kinds: Set<EventKind>

    public init(
        types: [TypePattern] = [], tenants: Tenants, subjectPrefix: String = "",
        sources: [String] = [], kinds: Set<EventKind> = []
    ) {
        self.types = types
        self.tenants = tenants
        self.subjectPrefix = subjectPrefix
        self.sources = sources
        self.kinds = kinds
    }

    /// Every event of every tenant.
    public static let everything = EventFilter(tenants: .all)

    public func matches(_ event: RecordedEvent) -> Bool {
        matches(tenant: event.tenant) && matches(kind: event.kind) && matches(type: event.type)
            && matches(subject: event.subject) && matches(source: event.source)
    }

    func matches(subject: String) -> Bool {
        subjectPrefix.isEmpty || hasPrefix(subject)
    }

    func matches(source: String) -> Bool {
        sources.isEmpty || sources.contains { $0.utf8.elementsEqual(source.utf8) }
    }

    public func matches(type: String) -> Bool {
        types.isEmpty || types.contains { $0.matches(type) }
    }

    public func matches(tenant: TenantID) -> Bool {
        switch tenants {
        case .all: true
        case .only(let wanted): wanted.contains(tenant)
        }
    }

    public func matches(kind: EventKind) -> Bool {
        kinds.isEmpty || kinds.contains(kind)
    }

    /// Whether only the tenant is asked for.
    public var takesAllOfItsTenants: Bool {
        types.isEmpty && subjectPrefix.isEmpty && sources.isEmpty && kinds.isEmpty
    }

    /// Of one tenant.
    func only(_ tenant: TenantID) -> EventFilter {
        EventFilter(
            types: types, tenants: .only([tenant]), subjectPrefix: subjectPrefix,
            sources: sources, kinds: kinds)
    }

    /// By bytes, as the store compares; `String.hasPrefix` would take é and e◌́ for the same.
    private func hasPrefix(_ subject: String) -> Bool {
        subject.utf8.starts(with: subjectPrefix.utf8)
    }
}
