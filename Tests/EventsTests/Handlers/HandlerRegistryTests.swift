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
