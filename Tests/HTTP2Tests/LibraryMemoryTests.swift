import Glibc
import Testing

@testable import HTTP2

@Suite struct LibraryMemoryTests {
    private let memory = LibraryMemory()

    /// An allocator may give more than it is asked for; what a block holds is what counts.
    @Test func `a block that is given back serves again, for no more than it holds`() throws {
        for size in 1...1_000 {
            let block = try #require(memory.allocate(size))
            memset(block, 0xff, size)
            memory.giveBack(block)
            let kept = memory.keptBytes
            #expect(kept >= size)
            let larger = try #require(memory.allocate(kept + 1))
            #expect(larger != block)
            let again = try #require(memory.allocate(kept))
            #expect(again == block)
            #expect(memory.keptBytes == 0)
            free(larger)
            free(again)
        }
    }

    @Test func `large blocks aren't kept`() throws {
        memory.giveBack(try #require(memory.allocate(4_096)))
        #expect(memory.keptBytes == 0)
    }

    @Test func `a thread keeps no more than its limit`() throws {
        let limit = LibraryMemory.maxKeptBytes
        let blocks = try (0..<limit / 1_000 + 100).map { _ in try #require(memory.allocate(1_000)) }
        for block in blocks { memory.giveBack(block) }
        #expect(memory.keptBytes > limit / 2)
        #expect(memory.keptBytes <= limit + 1_024)
    }
}
