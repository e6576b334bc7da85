import Testing

@testable import apus

/// Flags that only some actions of a command take.
@Suite struct ActionFlagsTests {
    private static let environment = [
        "APUS_FROM": "beginning", "APUS_ALL_TENANTS": "false", "APUS_SOURCE": "crm",
        "APUS_RATE": "5", "APUS_REASON": "old", "APUS_ORDERING": "hold",
    ]

    private static let calls: [([String], String)] = [
        (["groups", "list"], "from"), (["groups", "list"], "source"),
        (["groups", "get", "a"], "from"), (["groups", "delete", "a"], "ordering"),
        (["groups", "update", "a", "--max-attempts", "3"], "from"),
        (["groups", "reset", "a"], "source"), (["dead-letters", "list"], "rate"),
        (["dead-letters", "retry", "--consumer", "group/a"], "reason"),
        (["publish", "--file", "-"], "source"),
    ]

    private func make(_ words: [String], _ environment: [String: String] = [:]) throws {
        let command = try #require(Roof.commands.first { $0.syntax.name == words[0] })
        _ = try command.init(
            ParsedArguments(
                Array(words.dropFirst()), syntax: command.syntax, environment: environment))
    }

    @Test(arguments: calls)
    func `a flag of another action is refused`(_ words: [String], _ flag: String) throws {
        let error = #expect(throws: UsageError.self) {
            try make(words + ["--\(flag)", "beginning"])
        }
        #expect(error?.message.contains("takes no --\(flag)") == true)
    }

    @Test(arguments: calls)
    func `a variable for another action does no harm`(_ words: [String], _: String) throws {
        try make(words, Self.environment)
    }
}
