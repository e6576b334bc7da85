package import CProtobufC

/// A C message that protobuf-c unpacked, and the memory it lies in.
@safe
package struct Unpacked: ~Copyable {
    private let arena: Arena
    /// The message; valid as long as this value.
    package let root: UnsafeRawPointer

    /// Scans the bytes, then unpacks them.
    ///
    /// - Parameter layout: protobuf-c's descriptor of the same message.
    package init(
        _ bytes: [UInt8], as type: MessageDescriptor,
        layout: UnsafePointer<ProtobufCMessageDescriptor>?, limits: DecodingLimits
    ) throws(DecodingError) {
        let summary = try WireScan.check(bytes, as: type, limits: limits)
        let bytes = summary.needsMerge ? WireMerge.merged(bytes, as: type) : bytes
        let expected = min(max(summary.arenaBytes, 256), limits.maxArenaBytes, 1 << 20)
        let arena = Arena(capacity: expected, limit: limits.maxArenaBytes)
        let root = unsafe bytes.withUnsafeBufferPointer {
            unsafe protobuf_c_message_unpack(layout, arena.allocator, $0.count, $0.baseAddress)
        }
        guard let root = unsafe root else {
            // The scan answers for the bytes, so what is left is memory.
            throw DecodingError(.tooLarge, path: "", "the decoded message takes too much memory")
        }
        unsafe self.root = UnsafeRawPointer(root)
        self.arena = arena
    }

    /// Frees the message. Keeps it alive until here.
    package consuming func end() {}
}
