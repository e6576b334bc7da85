package import CProtobufC

/// Between protobuf-c's list of unknown fields and their bytes.
package enum UnknownFields {
    /// The bytes of a message's unknown fields.
    package static func copy(_ message: ProtobufCMessage) -> [UInt8] {
        var bytes: [UInt8] = []
        for index in 0..<Int(unsafe message.n_unknown_fields) {
            let field = unsafe message.unknown_fields[index]
            var tag = unsafe UInt64(field.tag) << 3 | UInt64(field.wire_type.rawValue)
            while tag >= 0x80 {
                bytes.append(UInt8(truncatingIfNeeded: tag) | 0x80)
                tag >>= 7
            }
            bytes.append(UInt8(tag))
            unsafe bytes.append(
                contentsOf: UnsafeBufferPointer(start: field.data, count: field.len))
        }
        return bytes
    }

    /// Splits off the first tag: protobuf-c writes a tag and then bytes that it does not look at, so
    /// that one field with the first tag carries them all.
    static func splitTag(_ bytes: [UInt8]) -> (number: UInt32, wireType: UInt8, length: Int)? {
        var reader = WireReader(bytes)
        guard let tag = reader.tag() else { return nil }
        return (UInt32(tag.number), tag.type.rawValue, reader.position)
    }
}
