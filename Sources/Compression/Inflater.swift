internal import CZlib

/// Owns one `z_stream` that decompresses, one piece of work after the other, each in steps.
@safe
public final class Inflater {
    /// The library keeps its address.
    private let stream: UnsafeMutablePointer<z_stream>
    private let room: UnsafeMutableBufferPointer<UInt8>
    private var input: [UInt8] = []
    private var read = 0
    private var output: [UInt8] = []
    private var maxBytes = 0

    /// Of input at a time: blocks without contents would keep the library busy through all there is.
    private static let mouthful = 4 * 1_024
    /// A byte of input is as much work as so many of contents, at worst.
    private static let workPerInputByte = 4

    public init(_ format: CompressionFormat) {
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

    /// Starts with other bytes; what was begun before is forgotten.
    ///
    /// - Parameter maxBytes: Contents of exactly so many bytes pass.
    public func begin(_ bytes: [UInt8], maxBytes: Int) {
        unsafe inflateReset(stream)
        input = bytes
        self.maxBytes = maxBytes
    }

    /// Lets go of what was begun.
    public func forget() {
        input = []
        read = 0
        output = []
    }

    /// Goes on with what was begun, until that is through or `work` is used up, by some 32 KiB more
    /// at most.
    ///
    /// - Parameter work: In bytes of contents.
    /// - Returns: The contents, when they are complete.
    public func proceed(_ work: inout Int) throws(CompressionError) -> [UInt8]? {
        do throws(CompressionError) {
            while work > 0 {
                let isEnd = try inflateMore(&work)
                guard output.count <= maxBytes else { throw CompressionError(.tooLarge) }
                if isEnd { return try contents() }
                let expected = max(
                    CompressionFormat.unsuspiciousBytes, read * CompressionFormat.maxExpansion)
                guard output.count <= expected else { throw CompressionError(.suspicious) }
            }
            return nil
        } catch {
            forget()
            throw error
        }
    }

    private func contents() throws(CompressionError) -> [UInt8] {
        guard read == input.count else { throw CompressionError(.trailingBytes) }
        let contents = output
        forget()
        return contents
    }

    /// At most one mouthful in, and one room full out.
    ///
    /// - Returns: Whether that was the end.
    private func inflateMore(_ work: inout Int) throws(CompressionError) -> Bool {
        let given = min(Self.mouthful, input.count - read)
        let outcome = unsafe input.withUnsafeBufferPointer { input in
            let rest = unsafe UnsafeBufferPointer(rebasing: input[read...])
            unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: rest.baseAddress)
            unsafe stream.pointee.avail_in = UInt32(given)
            unsafe stream.pointee.next_out = room.baseAddress
            unsafe stream.pointee.avail_out = UInt32(room.count)
            defer { unsafe stream.pointee.next_in = nil }
            return unsafe inflate(stream, Z_NO_FLUSH)
        }
        let taken = unsafe given - Int(stream.pointee.avail_in)
        let count = unsafe room.count - Int(stream.pointee.avail_out)
        read += taken
        work -= max(count, taken * Self.workPerInputByte, 1)
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
