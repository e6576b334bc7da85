internal import CZlib

/// Owns one `z_stream` that compresses, one piece of work after the other.
@safe
final class Deflater {
    /// The library keeps its address.
    private let stream: UnsafeMutablePointer<z_stream>
    private let room: UnsafeMutableBufferPointer<UInt8>

    init(_ format: CompressionFormat) {
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        unsafe room = .allocate(capacity: 16 * 1_024)
        let outcome = unsafe czlib_deflate_init(stream, format.windowBits)
        precondition(outcome == Z_OK, "zlib does not start: out of memory")
    }

    deinit {
        unsafe deflateEnd(stream)
        unsafe stream.deallocate()
        unsafe room.deallocate()
    }

    func compress(_ bytes: [UInt8]) -> [UInt8] {
        unsafe deflateReset(stream)
        var output: [UInt8] = []
        unsafe bytes.withUnsafeBufferPointer { input in
            unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
            unsafe stream.pointee.avail_in = UInt32(input.count)
            var outcome = Z_OK
            while outcome != Z_STREAM_END {
                unsafe stream.pointee.next_out = room.baseAddress
                unsafe stream.pointee.avail_out = UInt32(room.count)
                outcome = unsafe deflate(stream, Z_FINISH)
                precondition(outcome == Z_OK || outcome == Z_STREAM_END, "zlib does not go on")
                let count = unsafe room.count - Int(stream.pointee.avail_out)
                unsafe output.append(contentsOf: UnsafeBufferPointer(rebasing: room[..<count]))
            }
            unsafe stream.pointee.next_in = nil
        }
        return output
    }
}
