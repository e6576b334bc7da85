import Events
import Handlers
import Neighbours
import Testing

@Suite struct ShippedNameTests {
    @Test func `the names of all handlers that ship are known`() throws {
        let shipped = try HandlerRegistry.shipped().entries.map(\.traits.name)
        let names = Set(shipped).union(NeighbourTraits.usual.map(\.name))
        #expect(HandlerName.shipped == names)
    }
}
