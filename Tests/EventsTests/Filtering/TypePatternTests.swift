import Testing

@testable import Events

@Suite struct TypePatternTests {
    @Test(arguments: [
        ("lead.created", "lead.created", true), ("lead.created", "lead.created.now", false),
        ("lead.*", "lead.created", true), ("lead.*", "lead", false),
        ("lead.*", "lead.created.now", false), ("*.created", "lead.created", true),
        ("*.*", "a.b", true), ("*.*", "a.b.c", false), ("**", "a.b", true), ("**", "a", true),
        ("a.**", "a.b", true), ("a.**", "a.b.c.d", true), ("a.**", "a", false),
        ("a.*.**", "a.b", false), ("a.*.**", "a.b.c", true), ("a.b.*", "a.c.d", false),
        ("chat.message.*", "chat.message_x.sent", false),
    ])
    func `a star is one segment, two at the end are one or more`(
        _ text: String, _ type: String, _ matches: Bool
    ) throws {
        let pattern = try #require(TypePattern(text))
        #expect(pattern.matches(type) == matches)
        // The store asks by expression.
        let expression = try Regex(pattern.regularExpression)
        #expect((type.wholeMatch(of: expression) != nil) == matches)
    }

    @Test(arguments: [
        "", ".", "a.", ".a", "a..b", "A.b", "a-b", "**.a", "a.**.b", "a*", "***", "a.b c",
        String(repeating: "a", count: 201),
    ])
    func `anything else is no pattern`(_ text: String) {
        #expect(TypePattern(text) == nil)
    }

    @Test(arguments: ["lead.created", "a.b.c_d.e1", "v1.lead", "lead.v", "lead.version1", "a.vx1"])
    func `a type is two or more segments`(_ type: String) {
        #expect(EventTypeName.fault(in: type) == nil)
    }

    @Test(arguments: [
        "", "lead", "lead.", ".lead", "Lead.created", "lead created.x", "lead..x", "lead.v1",
        "lead.created.v23", "a." + String(repeating: "b", count: 199),
    ])
    func `no other text is a type, nor one that ends in a version`(_ type: String) {
        #expect(EventTypeName.fault(in: type) != nil)
    }
}
