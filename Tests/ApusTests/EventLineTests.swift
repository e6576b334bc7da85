import EventProtos
import Testing

@testable import apus

@Suite struct EventLineTests {
    private static let line = #""type":"chat.message.sent","data":{"messageId":"1"}"#

    @Test func `a line without an id gets one, and one with an id keeps it`() throws {
        let made = try EventLine.event("{\(Self.line)}") { "made" }
        #expect(made.id == "made")
        let own = try EventLine.event(#"{"id":"own",\#(Self.line)}"#) { "made" }
        #expect(own.id == "own")
    }

    @Test func `made ids are UUIDs of version 7, each another one`() {
        let ids = (0..<10).map { _ in EventLine.newID() }
        #expect(Set(ids).count == 10)
        #expect(ids.allSatisfy { $0.count == 36 && $0.dropFirst(14).first == "7" })
    }
}
