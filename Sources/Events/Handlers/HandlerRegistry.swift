/// The handlers of a process, by name.
public struct HandlerRegistry: Sendable {
    public enum Entry: Sendable {
        case handler(any EventHandler)
        case projection(any Projection)

        public var traits: any HandlerTraits {
            switch self {
            case .handler(let handler): handler
            case .projection(let projection): projection
            }
        }

        var description: HandlerDescription {
            HandlerDescription(
                name: traits.name, consumer: traits.consumer, types: traits.types,
                hasExternalSideEffects: traits.hasExternalSideEffects)
        }
    }

    /// In the order of registration.
    public private(set) var entries: [Entry] = []

    public init() {}

    /// - Throws: ``EventsError``, `.invalidArgument`: the name is taken, or something that the handler
    ///   says of itself is wrong; each fault is named, `handlers.NAME.retry.maxAttempts`.
    public mutating func register(_ handler: any EventHandler) throws(EventsError) {
        try add(.handler(handler))
    }

    /// - Throws: As for a handler.
    public mutating func register(_ projection: any Projection) throws(EventsError) {
        try add(.projection(projection))
    }

    private mutating func add(_ entry: Entry) throws(EventsError) {
        let traits = entry.traits
        let field = "handlers.\(traits.name)"
        var faults = traits.faults(under: field)
        if self[traits.name] != nil {
            faults.append(FieldViolation(field: field, description: "is registered already"))
        }
        guard faults.isEmpty else { throw .invalid(faults) }
        entries.append(entry)
    }

    public subscript(name: String) -> Entry? {
        entries.first { $0.traits.name == name }
    }

    public var descriptions: [HandlerDescription] { entries.map(\.description) }

    /// Becomes another registry, but keeps what that has no differently.
    ///
    /// - Parameter renewed: Names of those that differ although their traits are the same.
    /// - Returns: The names of those that were here and are gone, or differ.
    mutating func take(_ other: HandlerRegistry, renewing renewed: Set<String>) -> Set<String> {
        let stay = entries.filter { entry in
            let name = entry.traits.name
            guard !renewed.contains(name), let new = other[name] else { return false }
            return new.traits.isSame(as: entry.traits)
        }
        let staying = Dictionary(
            stay.map { ($0.traits.name, $0) }, uniquingKeysWith: { first, _ in first })
        let changed = Set(entries.map(\.traits.name)).subtracting(staying.keys)
        entries = other.entries.map { staying[$0.traits.name] ?? $0 }
        return changed
    }
}

/// What the books keep of a handler, so that every node knows it.
public struct HandlerDescription: Sendable, Hashable {
    public let name: String
    /// As the ledger names it.
    public let consumer: String
    public let types: [TypePattern]
    public let hasExternalSideEffects: Bool

    public init(
        name: String, consumer: String? = nil, types: [TypePattern], hasExternalSideEffects: Bool
    ) {
        self.name = name
        self.consumer = consumer ?? HandlerName.consumer(name)
        self.types = types
        self.hasExternalSideEffects = hasExternalSideEffects
    }
}
