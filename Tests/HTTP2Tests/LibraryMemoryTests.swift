import Testing

@testable import HTTP2

@Suite struct LibraryMemoryTests {
    private let memory = LibraryMemory()

    /// Sizes that malloc gives exactly: a sanitizer's gives no more than it is asked for either.
    @Test(arguments: [24, 40, 104, 1_000])
    func `a block that is given back serves again, for no more than its size`(size: Int) throws {
        let block = try #require(memory.allocate(size))
        memory.giveBack(block)
        #expect(memory.keptBytes == size + 8)
        let larger = try #require(memory.allocate(size + 1))
        #expect(larger != block)
        let again = try #require(memory.allocate(size))
        #expect(again == block)
        #expect(memory.keptBytes == 0)
        memory.giveBack(larger)
        memory.giveBack(again)
    }

    @Test(arguments: [1, 8, 25, 100])
    func `a block of another size serves again for what it holds, if it is kept`(size: Int) throws {
        let block = try #require(memory.allocate(size))
        memory.giveBack(block)
        guard memory.keptBytes > 0 else { return }
        let again = try #require(memory.allocate(memory.keptBytes - 8))
        #expect(again == block)
        memory.giveBack(again)
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
