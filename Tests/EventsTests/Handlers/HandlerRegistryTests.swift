import Testing

@testable import Events

@Suite struct HandlerRegistryTests {
    @Test func `a name is taken once`() throws {
        var registry = HandlerRegistry()
        try registry.register(SampleHandler(name: "one"))
        #expect(throws: EventsError.self) { try registry.register(SampleHandler(name: "one")) }
        try registry.register(SampleHandler(name: "two"))
        #expect(registry.descriptions.map(\.name) == ["one", "two"])
    }

    @Test func `what another registry has no differently stays, the rest is named`() throws {
        var registry = HandlerRegistry()
        for name in ["same", "renewed", "gone"] {
            try registry.register(SampleHandler(name: name, kind: "old"))
        }
        let changes: [(inout SampleHandler) -> Void] = [
            { $0.types += $0.types }, { $0.hasExternalSideEffects = true },
            { $0.timeLimit = .seconds(1) }, { $0.concurrency = 1 },
            { $0.retry = RetryPolicy(maxAttempts: 2) }, { $0.ordering = .none },
            { $0.kind = "other" },
        ]
        var other = HandlerRegistry()
        for (index, change) in changes.enumerated() {
            let old = SampleHandler(name: "changed-\(index)", kind: "old")
            try registry.register(old)
            var new = old
            change(&new)
            try other.register(new)
        }
        for name in ["renewed", "same", "new"] {
            try other.register(SampleHandler(name: name, kind: "old") { _, _ in .declined })
        }
        let changed = registry.take(other, renewing: ["renewed"])
        #expect(
            changed == Set(changes.indices.map { "changed-\($0)" }).union(["renewed", "gone"]))
        #expect(registry.entries.map(\.traits.name) == other.entries.map(\.traits.name))
        #expect(registry["changed-3"]?.traits.concurrency == 1)
        #expect(registry.take(other, renewing: []).isEmpty)
    }

    @Test(arguments: ["", "Upper", "with space", "dot.ted", String(repeating: "a", count: 65)])
    func `what is no name is refused`(name: String) {
        var registry = HandlerRegistry()
        #expect(throws: EventsError.self) { try registry.register(SampleHandler(name: name)) }
    }

    @Test func `a handler without types is refused`() {
        var registry = HandlerRegistry()
        #expect(throws: EventsError.self) { try registry.register(SampleHandler(types: [])) }
    }

    @Test func `every fault of what a handler asks for is named`() {
        var registry = HandlerRegistry()
        let handler = SampleHandler(
            timeLimit: .zero, concurrency: 0,
            retry: RetryPolicy(
                maxAttempts: 0, firstDelay: .seconds(2), maxDelay: .seconds(1), maxAge: .zero),
            kind: "Handler")
        #expect {
            try registry.register(handler)
        } throws: { error in
            guard let error = error as? EventsError, case .fields(let faults) = error.details.first
            else { return false }
            return faults.map(\.field)
                == [
                    "timeLimit", "concurrency", "consumer", "retry.maxAttempts", "retry.maxDelay",
                    "retry.maxAge",
                ].map { "handlers.sample.\($0)" }
        }
        #expect(registry.entries.isEmpty)
    }
}
