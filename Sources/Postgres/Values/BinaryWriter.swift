/// Fills memory of known size with values in network byte order.
///
/// Its owner sized the memory by the same values; writing past the end is our bug and stops us.
@safe
struct BinaryWriter: ~Copyable {
    private var cursor: UnsafeMutableRawPointer?
    private var left: Int

    init(_ memory: UnsafeMutableBufferPointer<UInt8>) {
        unsafe cursor = UnsafeMutableRawPointer(memory.baseAddress)
        left = memory.count
    }

    @inline(__always)
    private mutating func advance(_ count: Int) -> UnsafeMutableRawPointer {
        precondition(count <= left, "parameter larger than its size")
        guard let place = unsafe cursor else { preconditionFailure("no memory") }
        unsafe cursor = place + count
        left -= count
        return unsafe place
    }

    @inline(__always)
    mutating func integer<Number: FixedWidthInteger>(_ number: Number) {
        let place = unsafe advance(MemoryLayout<Number>.size)
        unsafe place.storeBytes(of: number.bigEndian, as: Number.self)
    }

    @inline(__always)
    mutating func bytes(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        let place = unsafe advance(bytes.count)
        unsafe bytes.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            unsafe place.copyMemory(from: start, byteCount: bytes.count)
        }
    }

    @inline(__always)
    mutating func text(_ text: String) {
        var text = text
        let count = text.utf8.count
        guard count > 0 else { return }
        let place = unsafe advance(count)
        text.withUTF8 { bytes in
            guard let start = bytes.baseAddress else { return }
            unsafe place.copyMemory(from: start, byteCount: count)
        }
    }
}
