import Testing

@testable import IO

@Suite struct HandshakeLineTests {
    private final class Guest {}

    @Test func `the oldest who hasn't left is at the head`() {
        var line = HandshakeLine<Guest>()
        let guests = (0..<3).map { _ in Guest() }
        let places = guests.map { line.enter($0) }
        #expect(line.oldest === guests[0])
        line.leave(places[1])
        #expect(line.oldest === guests[0])
        line.leave(places[0])
        #expect(line.oldest === guests[2])
        #expect(line.count == 1)
        line.leave(places[2])
        #expect(line.oldest == nil)
    }

    @Test func `places stay right while thousands come and go`() {
        var line = HandshakeLine<Guest>()
        var inside: [(Guest, HandshakeLine<Guest>.Place)] = []
        var random = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            if inside.count < 5 || Bool.random(using: &random) && inside.count < 100 {
                let guest = Guest()
                inside.append((guest, line.enter(guest)))
            } else {
                line.leave(inside.remove(at: .random(in: inside.indices, using: &random)).1)
            }
            guard line.oldest === inside.first?.0, line.count == inside.count else {
                Issue.record("the wrong one is at the head")
                return
            }
        }
    }
}
