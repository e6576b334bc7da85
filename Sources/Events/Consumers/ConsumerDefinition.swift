/// What its engine must know of a consumer, be it a group or a handler.
struct ConsumerDefinition: Sendable {
    /// Its number in the store.
    let consumer: Int32
    /// Grows with each change.
    let version: Int64
    /// As clients name it: `group/NAME`, `handler/NAME`.
    let title: String
    let filter: EventFilter
    let rules: ConsumerRules
    /// Nothing is handed out.
    var isPaused = false
    /// From the beginning of one batch to that of the next, unless that is a large one: work that
    /// comes close together shares a transaction.
    var gathering: Duration = .zero
    /// Asks the store again; nil when it was deleted.
    let refreshed: @Sendable () async throws -> ConsumerDefinition?
    /// What members are told when it was deleted.
    let gone: EventsError
}

extension ConsumerDefinition {
    init(_ stored: StoredGroup, in store: any GroupStore) {
        let group = stored.group
        self.init(
            consumer: stored.consumer, version: stored.version, title: group.name.consumer,
            filter: group.filter, rules: ConsumerRules(group),
            refreshed: {
                try await store.find(group.name, tenant: group.tenant)
                    .map { ConsumerDefinition($0, in: store) }
            },
            gone: .groupNotFound(group.name.rawValue))
    }
}
