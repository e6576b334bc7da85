import HTTP2
import Testing

@Suite struct ConnectionBooksTests {
    @Test func `a connection has room while more is free than it holds`() {
        let budget = ByteBudget(limit: 1_000_000)
        let (greedy, modest) = (ConnectionBooks(budget: budget), ConnectionBooks(budget: budget))
        greedy.addReceived(500_000)
        #expect(!greedy.hasRoom)
        #expect(modest.hasRoom)
        modest.addReceived(100_000)
        #expect(modest.hasRoom)
        #expect(budget.usedBytes == 600_000)
        modest.addReceived(100_000)
        #expect(!modest.hasRoom)
        greedy.addReceived(-500_000)
        modest.addReceived(-200_000)
        #expect(budget.usedBytes == 0)
    }

    @Test func `a fifth of all is for those that hold little`() {
        let budget = ByteBudget(limit: 1_000_000)
        let (greedy, small) = (ConnectionBooks(budget: budget), ConnectionBooks(budget: budget))
        greedy.addReceived(900_000)
        #expect(!greedy.hasRoom)
        small.addReceived(50_000)
        #expect(small.hasRoom)
        small.addReceived(20_000)
        #expect(!small.hasRoom)
        small.addReceived(-20_000)
        // Whatever one of the others overshoots: it is one of those that the fifth is shared by.
        greedy.addReceived(5_000_000)
        #expect(small.hasRoom)
        let crowd = (0..<2).map { _ in ConnectionBooks(budget: budget) }
        for books in crowd { books.addReceived(50_000) }
        #expect(!small.hasRoom)
        for books in crowd { books.addReceived(-50_000) }
        greedy.addReceived(-5_900_000)
        small.addReceived(-50_000)
        #expect(budget.usedBytes == 0)
        #expect(greedy.hasRoom)
    }

    @Test func `what streams leave unread takes no more than half of what is shared`() throws {
        let budget = ByteBudget(limit: 1_000_000)
        let (slow, busy) = (ConnectionBooks(budget: budget), ConnectionBooks(budget: budget))
        let pair = try Pair(serverBooks: slow)
        defer { pair.close() }
        for _ in 0..<20 { try pair.request(RecordedStream(), end: true) }
        try pair.run()
        for stream in pair.serverSide.streams {
            stream.isPaced = true
            stream.respond(HTTP2SessionTests.ok, HeaderFields(), end: false)
            stream.send([UInt8](repeating: 1, count: 100_000), head: ChunkHead())
        }
        #expect(slow.pacedBytes == 2_000_000)
        #expect(!slow.hasRoom)
        busy.addReceived(190_000)
        #expect(busy.hasRoom)
        busy.addReceived(20_000)
        #expect(!busy.hasRoom)
        busy.addReceived(-210_000)
        try pair.run()
        for stream in pair.serverSide.streams { stream.dropUnsent() }
        #expect(slow.pacedBytes == 0 && slow.hasRoom)
        busy.addReceived(390_000)
        #expect(busy.hasRoom)
        busy.addReceived(20_000)
        #expect(!busy.hasRoom)
    }

    @Test func `small change is settled at the latest when nothing is left`() {
        let budget = ByteBudget(limit: 100_000)
        let books = ConnectionBooks(budget: budget)
        books.addReceived(4_095)
        #expect(budget.usedBytes == 0)
        books.addReceived(1)
        #expect(budget.usedBytes == 4_096)
        books.addReceived(-4_000)
        books.addReceived(-96)
        #expect(budget.usedBytes == 0)
    }

    @Test func `a header block that isn't complete is held, and needs room`() throws {
        let budget = ByteBudget(limit: 50_000)
        let other = ConnectionBooks(budget: budget)
        let pair = try Pair(serverBooks: ConnectionBooks(budget: budget))
        let greeting =
            Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
            + frame(type: 4, flags: 0, stream: 0, [])
        try pair.server.receive(greeting.span)
        // A literal field with a value of 60,000 bytes (RFC 7541 §6.2.2), and a part of that.
        let block: [UInt8] = [0x00, 1, UInt8(ascii: "x"), 0x7f, 0xe1, 0xd3, 0x03]
        let part = [UInt8](repeating: 1, count: 16_000)
        try pair.server.receive(frame(type: 1, flags: 0, stream: 1, block + part).span)
        #expect(budget.usedBytes == 16_007)
        #expect(!pair.server.isCutOff)
        other.addReceived(20_000)
        try pair.server.receive(frame(type: 9, flags: 0, stream: 1, part).span)
        #expect(pair.server.isCutOff)
        #expect(pair.serverSide.hits == [.memory])
        pair.close()
        #expect(budget.usedBytes == 20_000)
    }

    @Test func `a small header block that comes in pieces needs no room`() throws {
        let budget = ByteBudget(limit: 50_000)
        let other = ConnectionBooks(budget: budget)
        other.addReceived(80_000)
        let books = ConnectionBooks(budget: budget)
        books.addReceived(70_000)
        #expect(!books.hasRoom)
        let pair = try Pair(serverBooks: books)
        defer { pair.close() }
        let request = frame(type: 1, flags: 5, stream: 1, [0x83, 0x86, 0x84, 0x01, 1, 0x61])
        let sent =
            Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
            + frame(type: 4, flags: 0, stream: 0, []) + request
        try pair.server.receive(Array(sent.dropLast(3)).span)
        #expect(!pair.server.isCutOff)
        try pair.server.receive(Array(sent.suffix(3)).span)
        #expect(pair.serverSide.streams.count == 1)
        #expect(pair.serverSide.hits.isEmpty)
    }

    @Test func `a session's books are even when its streams are gone`() throws {
        let budget = ByteBudget(limit: 100_000_000)
        let books = ConnectionBooks(budget: budget)
        let pair = try Pair(serverBooks: books)
        let streams = (0..<10).map { _ in RecordedStream() }
        for stream in streams {
            try pair.request(stream, end: false)
            stream.send([UInt8](repeating: 1, count: 10_000), head: ChunkHead())
        }
        for _ in 0..<2 { try pair.run() }
        for (index, served) in pair.serverSide.streams.enumerated() {
            if index % 2 == 0 { served.consumes = false }
            served.respond(HTTP2SessionTests.ok, HeaderFields(), end: false)
            served.send([UInt8](repeating: 1, count: 1_000_000), head: ChunkHead())
        }
        for stream in streams { stream.send([1, 2, 3], head: ChunkHead()) }
        #expect(books.unsentBytes == 10_000_000)
        streams[0].consumes = false
        try pair.run()
        #expect(books.openStreams == 10)
        // Each header list is 180 bytes and some; five streams keep three bytes each.
        #expect((1_515...3_000).contains(books.receivedBytes))
        #expect(books.unsentBytes > 500_000 && books.unsentBytes < 1_000_000)
        #expect(budget.usedBytes >= books.unsentBytes)
        pair.serverSide.streams[0].abandon(trailers: HTTP2SessionTests.done, HeaderFields())
        #expect(books.unsentBytes == 0)
        pair.serverSide.streams[1].send([UInt8](repeating: 1, count: 900), head: ChunkHead())
        pair.close()
        #expect(books.openStreams == 0)
        #expect(books.receivedBytes == 0)
        #expect(books.unsentBytes == 0)
        #expect(budget.usedBytes == 0)
    }
}
