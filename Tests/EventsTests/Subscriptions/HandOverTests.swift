import TestSupport
import Testing

@testable import Events

/// Subscribers, the tail's reader, two nodes' commits and restores of the log in random order,
/// against a model: the list of what each history held. A million steps in all.
@Suite struct HandOverTests {
    @Test(arguments: 0..<40 as Range<UInt64>)
    func `no schedule makes a gap or a repeat between log and tail`(number: UInt64) async {
        let seed = SeededGenerator.base &+ number
        var world = HandOverWorld(seed: seed)
        while world.steps < 25_000 {
            for step in 0..<2_000 {
                await giveWay(at: step)
                world.step()
            }
            world.settle()
        }
        world.drain()
        #expect(world.faults.first == nil, "seed \(seed)")
    }
}
