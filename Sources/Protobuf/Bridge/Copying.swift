package import CProtobufC
import Glibc

// What generated code copies C fields with. A null pointer is an empty field.

/// A `string` field. It isn't checked again: the scan has seen that it is UTF-8.
package func copyText(_ text: UnsafePointer<CChar>?) -> String {
    guard let text = unsafe text, unsafe text.pointee != 0 else { return "" }
    let utf8 = unsafe UnsafeRawBufferPointer(start: text, count: strlen(text))
    // Short ones are kept in place, where that isn't noted.
    let isASCII = unsafe utf8.count > 15 && UTF8Text.isPlainASCII(utf8, 0..<utf8.count)
    return unsafe utf8.withMemoryRebound(to: UInt8.self) { utf8 in
        unsafe String(copying: UTF8Span(unchecked: utf8.span, isKnownASCII: isASCII))
    }
}

/// A `bytes` field.
package func copyBytes(_ bytes: ProtobufCBinaryData) -> [UInt8] {
    guard let start = unsafe bytes.data, unsafe bytes.len > 0 else { return [] }
    return unsafe [UInt8](UnsafeBufferPointer(start: start, count: bytes.len))
}

/// A repeated field of any sort but messages.
@inlinable
package func copyList<C, Element>(
    _ count: Int, _ items: UnsafeMutablePointer<C>?, _ copy: (C) -> Element
) -> [Element] {
    guard count > 0, let items = unsafe items else { return [] }
    return unsafe UnsafeBufferPointer(start: items, count: count).map(copy)
}

/// A repeated field of messages.
@inlinable
package func copyMessages<C, Element>(
    _ count: Int, _ items: UnsafeMutablePointer<UnsafeMutablePointer<C>?>?,
    _ copy: (UnsafePointer<C>) -> Element
) -> [Element] {
    guard count > 0, let items = unsafe items else { return [] }
    var copies: [Element] = []
    copies.reserveCapacity(count)
    for index in 0..<count {
        guard let item = unsafe items[index] else { continue }
        unsafe copies.append(copy(item))
    }
    return copies
}

/// A `map` field; of entries with the same key the last counts.
@inlinable
package func copyMap<C, Key: Hashable, Value>(
    _ count: Int, _ entries: UnsafeMutablePointer<UnsafeMutablePointer<C>?>?,
    _ copy: (UnsafePointer<C>) -> (Key, Value)
) -> [Key: Value] {
    guard count > 0, let entries = unsafe entries else { return [:] }
    var copies: [Key: Value] = [:]
    copies.reserveCapacity(count)
    for index in 0..<count {
        guard let entry = unsafe entries[index] else { continue }
        let (key, value) = unsafe copy(entry)
        copies[key] = value
    }
    return copies
}

/// The fields that the C descriptor lacks, as they came.
package func copyUnknownFields(_ message: ProtobufCMessage) -> [UInt8] {
    unsafe message.n_unknown_fields == 0 ? [] : UnknownFields.copy(message)
}
