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
}
