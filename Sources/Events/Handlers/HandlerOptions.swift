/// What an operator says of a handler. Where nothing is said, the handler's own traits count.
public struct HandlerOptions: Sendable, Hashable {
    /// A handler that is switched off does not run on this node; what it has not done waits for it.
    public var isEnabled: Bool
    public var timeLimit: Duration?
    public var concurrency: Int?
    public var retry: RetryPolicy?
    public var ordering: HandlerOrdering?

    public init(
        isEnabled: Bool = true, timeLimit: Duration? = nil, concurrency: Int? = nil,
        retry: RetryPolicy? = nil, ordering: HandlerOrdering? = nil
    ) {
        self.isEnabled = isEnabled
        self.timeLimit = timeLimit
        self.concurrency = concurrency
        self.retry = retry
        self.ordering = ordering
    }
}

extension HandlerRegistry {
    /// The same handlers, with what an operator says of them; without those that are switched off.
    ///
    /// - Parameter options: By the handlers' names.
    /// - Throws: ``EventsError``, `.invalidArgument`: there is no handler of a name, or what is said
    ///   of one breaks a limit.
    public func configured(
        _ options: [String: HandlerOptions]
    ) throws(EventsError) -> HandlerRegistry {
        if let unknown = options.keys.sorted().first(where: { self[$0] == nil }) {
            throw .invalid("handlers.\(unknown)", "is no handler")
        }
        var registry = HandlerRegistry()
        for entry in entries {
            let options = options[entry.traits.name] ?? HandlerOptions()
            guard options.isEnabled else { continue }
            switch entry {
            case .handler(let base):
                try registry.register(ConfiguredHandler(base: base, options: options))
            case .projection(let base):
                try registry.register(ConfiguredProjection(base: base, options: options))
            }
        }
        return registry
    }
}

/// Traits of another handler, but for what an operator says.
private protocol ConfiguredTraits: HandlerTraits {
    var traits: any HandlerTraits { get }
    var options: HandlerOptions { get }
}

extension ConfiguredTraits {
    var name: String { traits.name }
    var types: [TypePattern] { traits.types }
    var hasExternalSideEffects: Bool { traits.hasExternalSideEffects }
    var timeLimit: Duration { options.timeLimit ?? traits.timeLimit }
    var concurrency: Int { options.concurrency ?? traits.concurrency }
    var retry: RetryPolicy { options.retry ?? traits.retry }
    var ordering: HandlerOrdering { options.ordering ?? traits.ordering }
    var consumer: String { traits.consumer }
}

private struct ConfiguredHandler: EventHandler, ConfiguredTraits {
    let base: any EventHandler
    let options: HandlerOptions
    var traits: any HandlerTraits { base }

    func handle(_ event: RecordedEvent, context: HandlerContext) async throws -> HandlerVerdict {
        try await base.handle(event, context: context)
    }
}

private struct ConfiguredProjection: Projection, ConfiguredTraits {
    let base: any Projection
    let options: HandlerOptions
    var traits: any HandlerTraits { base }
    var tables: [String] { base.tables }

    func changes(for event: RecordedEvent) throws -> [ProjectionChange]? {
        try base.changes(for: event)
    }
}
