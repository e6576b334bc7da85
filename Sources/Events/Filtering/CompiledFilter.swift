import Telemetry

/// What many events have in common, and most filters ask for.
public struct EventKey: Sendable, Hashable {
    public let tenant: TenantID
    public let type: String
    public let kind: EventKind

    public init(tenant: TenantID, type: String, kind: EventKind) {
        self.tenant = tenant
        self.type = type
        self.kind = kind
    }
}

/// A filter made ready to be asked often: once for all events of a key, and for each of them only
/// where it looks at more than that.
public final class CompiledFilter: Sendable {
    public let filter: EventFilter
    /// Whether it asks for subject or source.
    let looksInside: Bool
    private let literals: Set<String>
    private let patterns: [TypePattern]
    /// What the patterns said of a type.
    private let known = Lock<[String: Bool]>([:])
    private static let maxKnown = 4_096

    public init(_ filter: EventFilter) {
        self.filter = filter
        looksInside = !filter.subjectPrefix.isEmpty || !filter.sources.isEmpty
        literals = Set(filter.types.lazy.filter(\.isLiteral).map(\.text))
        patterns = filter.types.filter { !$0.isLiteral }
    }

    /// Whether events of that key can match.
    func matches(_ key: EventKey) -> Bool {
        filter.matches(tenant: key.tenant) && filter.matches(kind: key.kind)
            && matches(type: key.type)
    }

    /// Whether an event whose key matches does.
    func matchesInside(_ event: RecordedEvent) -> Bool {
        filter.matches(subject: event.subject) && filter.matches(source: event.source)
    }

    private func matches(type: String) -> Bool {
        if filter.types.isEmpty || literals.contains(type) { return true }
        if patterns.isEmpty { return false }
        return known.withLock { known in
            if let answer = known[type] { return answer }
            let answer = patterns.contains { $0.matches(type) }
            if known.count < Self.maxKnown { known[type] = answer }
            return answer
        }
    }

    /// Where to look for those who may want an event. Nil stands for any.
    struct Interest: Hashable, Sendable {
        let tenant: TenantID?
        let type: String?
    }

    /// All events that match are of one of these; a long list is told as its wider form.
    var interests: [Interest] {
        var tenants: [TenantID?] = [nil]
        if case .only(let wanted) = filter.tenants { tenants = Array(wanted) }
        var types: [String?] = literals.isEmpty || !patterns.isEmpty ? [nil] : Array(literals)
        if tenants.count * types.count > Self.maxInterests { types = [nil] }
        if tenants.count > Self.maxInterests { tenants = [nil] }
        return tenants.flatMap { tenant in types.map { Interest(tenant: tenant, type: $0) } }
    }

    private static let maxInterests = 16
}

extension EventKey {
    /// Those who may want an event of this key wait at one of these.
    var interests: [CompiledFilter.Interest] {
        [
            .init(tenant: tenant, type: type), .init(tenant: tenant, type: nil),
            .init(tenant: nil, type: type), .init(tenant: nil, type: nil),
        ]
    }
}
