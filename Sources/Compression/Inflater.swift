internal import CZlib

/// Owns one `z_stream` that decompresses, one piece of work after the other.
@safe
final class Inflater {
    /// The library keeps its address.
    private let stream: UnsafeMutablePointer<z_stream>
    private let room: UnsafeMutableBufferPointer<UInt8>

    init(_ format: CompressionFormat) {
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        unsafe room = .allocate(capacity: 32 * 1_024)
        let outcome = unsafe czlib_inflate_init(stream, format.windowBits)
        precondition(outcome == Z_OK, "zlib does not start: out of memory")
    }

    deinit {
        unsafe inflateEnd(stream)
        unsafe stream.deallocate()
        unsafe room.deallocate()
    }

    func decompress(_ bytes: [UInt8], maxBytes: Int) throws(CompressionError) -> [UInt8] {
        unsafe inflateReset(stream)
        return try unsafe bytes.withUnsafeBufferPointer { (input) throws(CompressionError) in
            unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
            unsafe stream.pointee.avail_in = UInt32(input.count)
            defer { unsafe stream.pointee.next_in = nil }
            var output: [UInt8] = []
            while try !inflateMore(into: &output) {
                guard output.count <= maxBytes else { throw CompressionError(.tooLarge) }
                let read = unsafe input.count - Int(stream.pointee.avail_in)
                let expected = max(
                    CompressionFormat.unsuspiciousBytes, read * CompressionFormat.maxExpansion)
                guard output.count <= expected else { throw CompressionError(.suspicious) }
            }
            guard output.count <= maxBytes else { throw CompressionError(.tooLarge) }
            guard unsafe stream.pointee.avail_in == 0 else {
                throw CompressionError(.trailingBytes)
            }
            return output
        }
    }

    /// At most one room full.
    ///
    /// - Returns: Whether that was the end.
    private func inflateMore(into output: inout [UInt8]) throws(CompressionError) -> Bool {
        unsafe stream.pointee.next_out = room.baseAddress
        unsafe stream.pointee.avail_out = UInt32(room.count)
        let outcome = unsafe inflate(stream, Z_NO_FLUSH)
        let count = unsafe room.count - Int(stream.pointee.avail_out)
        unsafe output.append(contentsOf: UnsafeBufferPointer(rebasing: room[..<count]))
        switch outcome {
        case Z_OK: return false
        case Z_STREAM_END: return true
        // No input is left, and room was given: there should have been more.
        case Z_BUF_ERROR: throw CompressionError(.truncated)
        default: throw CompressionError(.corrupt)
        }
    }
}
