internal import CZlib
internal import Telemetry

/// How compressed bytes are wrapped; within, both are deflate (RFC 1951).
///
/// zlib's contexts are scratch memory, 300 KiB to compress and 80 KiB to decompress, so no call
/// holds one: they are lent out of a pool for one piece of work, and there are never more than
/// threads that do such work at the same time.
public enum CompressionFormat: Sendable {
    /// RFC 1950.
    case zlib
    /// RFC 1952.
    case gzip

    /// Contents up to here are never a bomb, however well they compress: gRPC's interoperability
    /// cases send 271,828 zeros.
    public static let unsuspiciousBytes = 288 * 1_024
    /// Contents beyond that are refused when they are more than so many times the bytes read so far:
    /// the sooner it is known, the less work a bomb makes. Deflate reaches 1,032 with nothing but
    /// zeros; many repetitions of one record 100 or so.
    public static let maxExpansion = 200

    /// zlib takes the format for a number: the size of the window, and 16 for RFC 1952.
    var windowBits: Int32 { self == .zlib ? MAX_WBITS : MAX_WBITS + 16 }

    public func compress(_ bytes: [UInt8]) -> [UInt8] {
        deflaters.use {
            Deflater(self)
        } _: { deflater in
            deflater.compress(bytes)
        }
    }

    /// Memory grows with what comes out, never with what the bytes promise.
    ///
    /// - Parameter maxBytes: Contents of exactly so many bytes pass.
    public func decompress(
        _ bytes: [UInt8], maxBytes: Int
    ) throws(CompressionError) -> [UInt8] {
        try inflaters.use {
            Inflater(self)
        } _: { (inflater) throws(CompressionError) in
            inflater.begin(bytes, maxBytes: maxBytes)
            while true {
                var work = Int.max
                if let contents = try inflater.proceed(&work) { return contents }
            }
        }
    }

    private var deflaters: Pool<Deflater> {
        self == .zlib ? Self.zlibDeflaters : Self.gzipDeflaters
    }
    private var inflaters: Pool<Inflater> {
        self == .zlib ? Self.zlibInflaters : Self.gzipInflaters
    }

    private static let zlibDeflaters = Pool<Deflater>()
    private static let gzipDeflaters = Pool<Deflater>()
    private static let zlibInflaters = Pool<Inflater>()
    private static let gzipInflaters = Pool<Inflater>()
}

/// What is lent for one piece of work at a time.
private final class Pool<Element>: Sendable {
    private let free = Lock<[Lock<Element>]>([])

    func use<Result, Failure: Error>(
        _ make: () -> sending Element,
        _ body: (inout sending Element) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        let element = free.withLock { $0.popLast() } ?? Lock(make())
        defer { free.withLock { $0.append(element) } }
        // Nobody else has it: this lock is never waited for.
        return try element.withLock(body)
    }
}
