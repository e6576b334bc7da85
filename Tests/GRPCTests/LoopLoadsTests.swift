import IO
import Testing

@testable import GRPC

@Suite struct LoopLoadsTests {
    @Test func `a connection goes to the first of the loops with the fewest`() throws {
        let group = try IOLoopGroup(count: 3, name: "loads")
        defer { group.stop() }
        var loads = LoopLoads()
        #expect(loads.idlest(of: group) === group.loops[0])
        for loop in group.loops + group.loops {
            let idlest = loads.idlest(of: group)
            #expect(idlest === loop)
            loads.opened(on: idlest)
        }
        loads.closed(on: group.loops[1])
        #expect(loads.idlest(of: group) === group.loops[1])
        loads.opened(on: group.loops[1])
        #expect(loads.idlest(of: group) === group.loops[0])
    }
}
