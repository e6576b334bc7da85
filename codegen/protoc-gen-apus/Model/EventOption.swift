import CDescriptorProtos
import CProtobufC

/// What the option `(apus.v1.event)` says of a message.
///
/// Source: `proto/apus/v1/event_options.proto`. Descriptors hold it as bytes, since the plugin's own
/// code for descriptors does not know it.
struct EventOption: Equatable {
    private(set) var type = ""
    private(set) var version: UInt64 = 0
    /// As in apus.v1.EventKind.
    private(set) var kind: UInt64 = 0
    private(set) var required: [String] = []
    private(set) var subject = ""

    /// Number of the extension.
    private static let number: UInt32 = 50530

    /// Nil when the message has no such option.
    init?(_ options: UnsafePointer<Google__Protobuf__MessageOptions>) {
        let base = unsafe options.pointee.base
        let fields = unsafe UnsafeBufferPointer(
            start: base.unknown_fields, count: Int(base.n_unknown_fields))
        guard let field = unsafe fields.first(where: { unsafe $0.tag == Self.number }) else {
            return nil
        }
        let bytes = unsafe [UInt8](UnsafeBufferPointer(start: field.data, count: field.len))
        var whole = WireBytes(bytes[...])
        guard let message = whole.lengthDelimited() else { return nil }
        var rest = WireBytes(message)
        while let tag = rest.varint() {
            switch (tag >> 3, tag & 7) {
            case (1, 2): type = rest.text()
            case (2, 0): version = rest.varint() ?? 0
            case (3, 0): kind = rest.varint() ?? 0
            case (4, 2): required.append(rest.text())
            case (5, 2): subject = rest.text()
            case (_, 0): _ = rest.varint()
            case (_, 2): _ = rest.lengthDelimited()
            default: return nil
            }
        }
    }
}

/// Reads protobuf's wire format, as far as options need it; protoc wrote it.
private struct WireBytes {
    private var bytes: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    /// Nil at the end.
    mutating func varint() -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while let byte = bytes.popFirst() {
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        return nil
    }

    mutating func lengthDelimited() -> ArraySlice<UInt8>? {
        guard let length = varint(), length <= bytes.count else { return nil }
        defer { bytes = bytes.dropFirst(Int(length)) }
        return bytes.prefix(Int(length))
    }

    mutating func text() -> String {
        String(decoding: lengthDelimited() ?? [], as: UTF8.self)
    }
}
