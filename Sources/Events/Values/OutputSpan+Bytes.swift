extension OutputSpan<UInt8> {
    @inlinable
    package mutating func append(contentsOf bytes: Span<UInt8>) {
        precondition(bytes.count <= freeCapacity, "more than was measured")
        withUnsafeMutableBufferPointer { memory, count in
            let room = UnsafeMutableBufferPointer(rebasing: memory[count...])
            bytes.withUnsafeBytes { UnsafeMutableRawBufferPointer(room).copyMemory(from: $0) }
            count += bytes.count
        }
    }

    /// The lowest `width` bytes of a number, the highest of them first.
    mutating func append(_ number: UInt64, width: Int) {
        var shift = UInt64(width) * 8
        while shift > 0 {
            shift -= 8
            append(UInt8(truncatingIfNeeded: number >> shift))
        }
    }
}
