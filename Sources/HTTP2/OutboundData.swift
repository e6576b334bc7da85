/// A stream's bytes that the peer's window had no room for yet: chunks, each with a short head of
/// its own, so that a framed message is queued without being copied.
struct OutboundData {
    private struct Chunk {
        var head: ChunkHead
        var body: [UInt8]
        var count: Int { head.count + body.count }
    }

    private var first: Chunk?
    private var rest: ContiguousArray<Chunk> = []
    private var restStart = 0
    /// Bytes of `first` that are gone.
    private var offset = 0
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    mutating func append(_ body: [UInt8], head: ChunkHead) {
        let chunk = Chunk(head: head, body: body)
        guard chunk.count > 0 else { return }
        count += chunk.count
        if first == nil { first = chunk } else { rest.append(chunk) }
    }

    mutating func removeAll() {
        self = OutboundData()
    }

    /// Moves bytes out, as many as there are or the room takes.
    mutating func read(into room: UnsafeMutableRawBufferPointer) -> Int {
        var filled = 0
        while filled < room.count, let chunk = first {
            let space = unsafe UnsafeMutableRawBufferPointer(rebasing: room[filled...])
            let moved = unsafe Self.copy(chunk, from: offset, into: space)
            filled += moved
            offset += moved
            if offset == chunk.count { advance() }
        }
        count -= filled
        return filled
    }

    private mutating func advance() {
        offset = 0
        guard restStart < rest.count else {
            first = nil
            return
        }
        first = rest[restStart]
        rest[restStart].body = []
        restStart += 1
        if restStart == rest.count || restStart >= 64 {
            rest.removeFirst(restStart)
            restStart = 0
        }
    }

    private static func copy(
        _ chunk: Chunk, from start: Int, into room: UnsafeMutableRawBufferPointer
    ) -> Int {
        var filled = 0
        if start == 0, room.count >= 8 {
            filled = unsafe chunk.head.write(to: room)
        }
        while start + filled < chunk.head.count && filled < room.count {
            unsafe room[filled] = chunk.head[start + filled]
            filled += 1
        }
        let bodyStart = max(0, start + filled - chunk.head.count)
        let length = min(room.count - filled, chunk.body.count - bodyStart)
        guard length > 0 else { return filled }
        unsafe chunk.body.withUnsafeBytes { body in
            unsafe UnsafeMutableRawBufferPointer(rebasing: room[filled...]).copyMemory(
                from: UnsafeRawBufferPointer(rebasing: body[bodyStart..<bodyStart + length]))
        }
        return filled + length
    }
}

/// At most eight bytes in front of a chunk.
public struct ChunkHead: Sendable {
    private var bytes: UInt64 = 0
    public private(set) var count = 0

    public init() {}

    /// The gRPC frame of a message: a flag and four bytes of length.
    public init(flag: UInt8, length: UInt32) {
        bytes = UInt64(flag) | UInt64(length.byteSwapped) << 8
        count = 5
    }

    /// All of it; the room, of eight bytes at least, is written beyond it.
    func write(to room: UnsafeMutableRawBufferPointer) -> Int {
        unsafe room.storeBytes(of: bytes.littleEndian, as: UInt64.self)
        return count
    }

    subscript(index: Int) -> UInt8 { UInt8(truncatingIfNeeded: bytes >> UInt64(8 * index)) }
}
