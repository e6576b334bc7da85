import Compression

/// A compressed message on its way to its reader. On its loop's thread alone.
final class Unpacking {
    /// Of the compressed message.
    let packedBytes: Int
    let format: CompressionFormat
    let maxMessageBytes: Int
    private(set) var packed: [UInt8]
    private var tell: (() -> Void)?
    /// Nil until it is unpacked, or was found to be unfit for it.
    private(set) var outcome: Result<[UInt8], RPCError>?

    /// - Parameter tell: Called when there is an outcome, unless it was there at once.
    init(
        _ packed: [UInt8], _ format: CompressionFormat, maxMessageBytes: Int,
        tell: @escaping () -> Void
    ) {
        packedBytes = packed.count
        self.packed = packed
        self.format = format
        self.maxMessageBytes = maxMessageBytes
        self.tell = tell
    }

    /// Nobody waits for it any more.
    func cancel() {
        tell = nil
        end(.failure(RPCError(.cancelled, "the call has ended")))
    }

    func end(_ outcome: Result<[UInt8], RPCError>) {
        packed = []
        if self.outcome == nil { self.outcome = outcome }
    }

    func tellReader() {
        tell.take()?()
    }
}
