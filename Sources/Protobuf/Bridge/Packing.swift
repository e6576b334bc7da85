package import CProtobufC
import Glibc

// What generated code builds C messages with.
extension Arena {
    /// For a message that is to be packed.
    package init() {
        self.init(capacity: 0, limit: .max)
    }

    /// Uninitialized memory for one value.
    @inlinable
    package func make<C>(_ type: C.Type) -> UnsafeMutablePointer<C> {
        unsafe allocate(MemoryLayout<C>.size).bindMemory(to: C.self, capacity: 1)
    }

    /// A `string` field, ended by NUL.
    package func text(_ text: String) -> UnsafeMutablePointer<CChar> {
        var text = text
        let copy = text.withUTF8 { utf8 -> UnsafeMutableRawPointer? in
            let copy = unsafe allocate(utf8.count + 1)
            if let start = utf8.baseAddress {
                if unsafe memchr(start, 0, utf8.count) != nil { return nil }
                unsafe copy.copyMemory(from: start, byteCount: utf8.count)
            }
            unsafe copy.storeBytes(of: 0, toByteOffset: utf8.count, as: UInt8.self)
            return unsafe copy
        }
        guard let copy = unsafe copy else { return unsafe self.text(text.replacingNUL()) }
        return unsafe copy.assumingMemoryBound(to: CChar.self)
    }

    /// A `bytes` field.
    package func bytes(_ bytes: [UInt8]) -> ProtobufCBinaryData {
        unsafe bytes.withUnsafeBufferPointer { source in
            guard let start = source.baseAddress, source.count > 0 else {
                return unsafe ProtobufCBinaryData()
            }
            let copy = unsafe allocate(source.count)
                .bindMemory(to: UInt8.self, capacity: source.count)
            unsafe copy.initialize(from: start, count: source.count)
            return unsafe ProtobufCBinaryData(len: source.count, data: copy)
        }
    }

    /// A repeated field of any sort.
    @inlinable @inline(__always)
    package func list<Items: Collection, C>(
        _ items: Items, _ pack: (Items.Element) -> C
    ) -> UnsafeMutablePointer<C>? {
        guard !items.isEmpty else { return nil }
        let count = items.count
        let list = unsafe allocate(count * MemoryLayout<C>.stride)
            .bindMemory(to: C.self, capacity: count)
        var next = unsafe list
        for item in items {
            unsafe next.initialize(to: pack(item))
            unsafe next += 1
        }
        return unsafe list
    }

    /// Sets the unknown fields of a message.
    package func setUnknownFields(_ bytes: [UInt8], of message: inout ProtobufCMessage) {
        guard !bytes.isEmpty, let tag = UnknownFields.splitTag(bytes) else { return }
        let rest = unsafe self.bytes(Array(bytes[tag.length...]))
        let field = unsafe make(ProtobufCMessageUnknownField.self)
        unsafe field.initialize(
            to: ProtobufCMessageUnknownField(
                tag: tag.number, wire_type: ProtobufCWireType(UInt32(tag.wireType)),
                len: rest.len, data: rest.data))
        unsafe message.n_unknown_fields = 1
        unsafe message.unknown_fields = unsafe field
    }
}

extension Arena {
    /// The serialized form of a C message that lies in this arena.
    package func serialize(_ message: UnsafeRawPointer) -> [UInt8] {
        let message = unsafe message.assumingMemoryBound(to: ProtobufCMessage.self)
        let size = unsafe protobuf_c_message_get_packed_size(message)
        return unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            if let start = buffer.baseAddress {
                count = unsafe protobuf_c_message_pack(message, start)
            }
        }
    }
}

extension String {
    fileprivate func replacingNUL() -> String {
        String(decoding: utf8.flatMap { $0 == 0 ? [0xef, 0xbf, 0xbd] : [$0] }, as: UTF8.self)
    }
}
