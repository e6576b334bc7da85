import EventProtos
import Events
import Testing

@testable import EventService

@Suite struct PageTokenTests {
    private let request = ApusV1.ListEventsRequest(
        filter: ApusV1.Filter(types: ["lead.*"]), pageSize: 10)

    @Test func `a token leads on where the page ended`() throws {
        let token = PageToken(request: request)
        #expect(try token.position(in: token.text(Position(4711))) == Position(4711))
        #expect(try token.position(in: "") == nil)
    }

    @Test func `the page size may change between pages`() throws {
        var next = request
        next.pageSize = 500
        next.pageToken = PageToken(request: request).text(Position(7))
        #expect(try PageToken(request: next).position(in: next.pageToken) == Position(7))
    }

    @Test(arguments: ["x", "1", "1.", ".1", "zz.0000", "20000000000001.0"])
    func `what is no token is refused`(_ text: String) {
        #expect(throws: EventsError.self) { try PageToken(request: request).position(in: text) }
    }

    @Test func `a token of another listing is refused`() {
        var other = request
        other.filter = ApusV1.Filter(types: ["order.*"])
        let text = PageToken(request: other).text(Position(7))
        #expect(throws: EventsError.self) { try PageToken(request: request).position(in: text) }
    }
}
