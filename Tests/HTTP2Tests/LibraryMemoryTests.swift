import Glibc
import Testing

@testable import HTTP2

@Suite struct LibraryMemoryTests {
    private let memory = LibraryMemory()

    /// Sizes that are kept as they are.
    @Test(arguments: [16, 48, 128, 160, 192, 1_024])
    func `a block that is given back serves again, for no more than its size`(size: Int) throws {
        let block = try #require(memory.allocate(size))
        memory.giveBack(block)
        #expect(memory.keptBytes == size)
        let larger = try #require(memory.allocate(size + 1))
        #expect(larger != block)
        let again = try #require(memory.allocate(size))
        #expect(again == block)
        #expect(memory.keptBytes == 0)
        memory.giveBack(larger)
        memory.giveBack(again)
    }

    @Test func `a block serves again for its own size, whatever that is`() throws {
        for size in 1...1_024 {
            let block = try #require(memory.allocate(size))
            memset(block, 0xff, size)
            memory.giveBack(block)
            #expect(memory.keptBytes >= size && memory.keptBytes < max(17, size * 5 / 4 + 16))
            #expect(memory.allocate(size) == block)
            #expect(memory.keptBytes == 0)
            free(block)
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
