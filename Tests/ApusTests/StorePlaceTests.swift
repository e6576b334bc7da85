import Testing

@testable import apus

@Suite struct StorePlaceTests {
    private static let uri = "postgresql://production/apus"

    private func place(
        _ words: [String], _ environment: [String: String] = [:]
    ) throws(UsageError) -> StorePlace {
        try StorePlace(
            ParsedArguments(words, syntax: VerifyCommand.syntax, environment: environment))
    }

    @Test func `a log is where a flag or a variable says, or at home`() throws {
        #expect(try place(["--database", Self.uri]).database != nil)
        #expect(try place([], ["APUS_DATABASE": Self.uri]).database != nil)
        let copy = try place(["--data-dir", "/copy"])
        #expect(copy.database == nil && copy.dataDirectory == "/copy")
        let home = try place([])
        #expect(home.database == nil && home.dataDirectory == StorePlace.defaultDataDirectory)
    }

    @Test func `a flag is not outdone by the variable of the other place`() throws {
        let copy = try place(["--data-dir", "/copy"], ["APUS_DATABASE": Self.uri])
        #expect(copy.database == nil && copy.dataDirectory == "/copy")
        #expect(try place(["--database", Self.uri], ["APUS_DATA_DIR": "/copy"]).database != nil)
        let both = ["APUS_DATABASE": Self.uri, "APUS_DATA_DIR": "/env"]
        let named = try place(["--data-dir", "/copy"], both)
        #expect(named.database == nil && named.dataDirectory == "/copy")
    }

    @Test func `two places at once are refused`() {
        #expect(throws: UsageError.self) {
            try place(["--data-dir", "/copy", "--database", Self.uri])
        }
        #expect(throws: UsageError.self) {
            try place([], ["APUS_DATABASE": Self.uri, "APUS_DATA_DIR": "/copy"])
        }
    }

    @Test(arguments: ["migrate", "verify", "serve", "handlers"])
    func `every command that opens a log refuses two places`(_ name: String) throws {
        let command = try #require(Roof.commands.first { $0.syntax.name == name })
        let operands = name == "handlers" ? ["forget", "orders"] : []
        func make(_ words: [String]) throws {
            _ = try command.init(
                ParsedArguments(
                    operands + words, syntax: command.syntax,
                    environment: ["APUS_DATABASE": Self.uri]))
        }
        try make(["--data-dir", "/copy"])
        #expect(throws: UsageError.self) {
            try make(["--data-dir", "/copy", "--database", Self.uri])
        }
    }
}
