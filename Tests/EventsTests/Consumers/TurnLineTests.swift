import Testing

@testable import Events

@Suite struct TurnLineTests {
    private static let big = TenantID(unchecked: "big")
    private static let small = TenantID(unchecked: "small")

    private func line(_ elements: [(Int, TenantID)]) -> TurnLine<Int> {
        var line = TurnLine<Int>()
        for (element, tenant) in elements { line.append(element, of: tenant) }
        return line
    }

    @Test func `tenants take turns, each in its order`() {
        var line = line([(1, Self.big), (2, Self.big), (3, Self.big), (4, Self.small)])
        #expect(line.count == 4)
        #expect(line.waiting == [1, 4, 2, 3])
        #expect(line.popFirst() == 1)
        line.append(5, of: Self.small)
        #expect(line.waiting == [4, 2, 5, 3])
    }

    @Test func `who may not come keeps nobody else back, and its turn`() {
        var line = line([(1, Self.big), (2, Self.small), (3, Self.small)])
        #expect(line.popFirst { $0 == Self.small } == 2)
        #expect(line.popFirst { $0 == Self.small } == 3)
        #expect(line.popFirst { $0 == Self.small } == nil)
        #expect(line.popFirst() == 1)
        #expect(line.isEmpty)
    }

    @Test func `what is put back comes next, and its tenant's turn is not lost`() {
        var line = line([(1, Self.big), (2, Self.big), (3, Self.small)])
        #expect(line.popFirst() == 1)
        #expect(line.popFirst() == 3)
        line.putBack(3, of: Self.small)
        #expect(line.waiting == [3, 2])
        #expect(line.popFirst() == 3)
        #expect(line.popFirst() == 2)
        line.putBack(2, of: Self.big)
        #expect(line.count == 1)
        #expect(line.waiting == [2])
    }

    @Test func `what is taken out of the middle is gone`() {
        var line = line([(1, Self.big), (2, Self.big), (3, Self.small)])
        line.remove(of: Self.small) { $0 == 3 }
        line.remove(of: Self.big) { $0 == 1 }
        line.remove(of: Self.big) { $0 == 7 }
        #expect(line.waiting == [2])
        #expect(line.count == 1)
        line.append(4, of: Self.small)
        #expect(line.waiting == [2, 4])
    }
}
