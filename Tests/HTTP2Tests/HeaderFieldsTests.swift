import Testing

@testable import HTTP2

@Suite struct HeaderFieldsTests {
    @Test func `fields keep their order, and names may repeat`() {
        var fields = HeaderFields()
        fields.append("a", "1")
        fields.append("b", "")
        fields.append("a", String(repeating: "x", count: 70_000))
        var names: [String] = []
        var lengths: [Int] = []
        fields.visit { name, value in
            names.append(String(name))
            lengths.append(value.count)
        }
        #expect(names == ["a", "b", "a"])
        #expect(lengths == [1, 0, 70_000])
        #expect(fields.first("a") == "1")
        #expect(fields.first("c") == nil)
        #expect(fields.count == 3)
    }
}

@Suite struct OutboundDataTests {
    @Test func `chunks come out in order however small the room`() {
        let chunks = (0..<200).map { [UInt8](repeating: UInt8($0), count: $0 % 7) }
        let whole: [UInt8] = chunks.flatMap { (chunk: [UInt8]) -> [UInt8] in
            [0, 0, 0, 0, UInt8(chunk.count)] + chunk
        }
        for room in [1, 2, 3, 5, 8, 100, 10_000] {
            var data = OutboundData()
            var out: [UInt8] = []
            for (index, chunk) in chunks.enumerated() {
                data.append(chunk, head: ChunkHead(flag: 0, length: UInt32(chunk.count)))
                // Reading and appending take turns.
                if index % 3 == 0 { out += read(&data, room) }
            }
            while !data.isEmpty { out += read(&data, room) }
            #expect(out == whole)
            #expect(data.count == 0)
        }
    }

    @Test func `a chunk of nothing is none`() {
        var data = OutboundData()
        data.append([], head: ChunkHead())
        #expect(data.isEmpty)
    }

    private func read(_ data: inout OutboundData, _ room: Int) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: room)
        let count = buffer.withUnsafeMutableBytes { data.read(into: $0) }
        return Array(buffer[..<count])
    }
}
