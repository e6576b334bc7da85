import Configuration
import Events

extension HandlerOptions {
    /// `handlers`: options by the names of handlers that are there.
    static func read(
        _ root: ConfigurationSection, known: [any HandlerTraits]
    ) -> [String: HandlerOptions] {
        let options = root.named("handlers") { name, section -> HandlerOptions? in
            guard let traits = known.first(where: { $0.name == name }) else {
                let names = known.map(\.name).joined(separator: ", ")
                // What it says can't be judged.
                _ = section.names
                section.refuse(nil, "is no handler; there are \(names)")
                return nil
            }
            return HandlerOptions(section, over: traits)
        }
        return Dictionary(
            (options ?? []).map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
    }

    /// The options of one handler.
    ///
    /// - Parameter traits: What counts where the section says nothing.
    init(_ section: ConfigurationSection, over traits: any HandlerTraits) {
        self.init(
            isEnabled: section.flag("enabled") ?? true,
            timeLimit: section.duration("timeLimit", in: HandlerLimits.timeLimits),
            concurrency: section.integer("concurrency", in: HandlerLimits.concurrencies),
            retry: section.section("retry") { RetryPolicy($0, over: traits.retry) },
            ordering: HandlerOrdering(section, over: traits.ordering))
    }
}

extension RetryPolicy {
    init(_ section: ConfigurationSection, over usual: RetryPolicy) {
        let delays: ClosedRange<Duration> = .zero...Self.longestDelay
        let ages: ClosedRange<Duration> = .milliseconds(1)...Self.longestAge
        self.init(
            maxAttempts: section.integer("maxAttempts", in: Self.attempts) ?? usual.maxAttempts,
            firstDelay: section.duration("firstDelay", in: delays) ?? usual.firstDelay,
            maxDelay: section.duration("maxDelay", in: delays) ?? usual.maxDelay,
            maxAge: section.duration("maxAge", in: ages) ?? usual.maxAge)
        guard maxDelay < firstDelay else { return }
        let key = section.has("maxDelay") ? "maxDelay" : "firstDelay"
        section.refuse(
            key,
            "makes maxDelay (\(DurationText.text(maxDelay))) shorter than firstDelay"
                + " (\(DurationText.text(firstDelay)))")
    }
}

extension HandlerOrdering {
    /// Nil when the section says nothing of it.
    init?(_ section: ConfigurationSection, over usual: HandlerOrdering) {
        let isPerKey = section.choice("ordering", [("perKey", true), ("none", false)])
        let after: GroupOrdering? = section.choice(
            "afterDeadLetter", [("continue", .continue), ("hold", .hold)])
        let usualAfter: GroupOrdering? =
            if case .perKey(let after) = usual { after } else { nil }
        if isPerKey ?? (usualAfter != nil) {
            guard isPerKey != nil || after != nil else { return nil }
            self = .perKey(afterDeadLetter: after ?? usualAfter ?? .continue)
            return
        }
        if section.has("afterDeadLetter") {
            section.refuse("afterDeadLetter", "has a meaning with ordering: perKey only")
        }
        guard isPerKey != nil else { return nil }
        self = .none
    }
}
