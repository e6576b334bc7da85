internal import Glibc

/// Header fields in their order, packed into one array: a request's fields cost one allocation.
///
/// Each field is two lengths of four bytes each, the name, the value.
public struct HeaderFields: Sendable, Hashable {
    private var packed: [UInt8] = []
    public private(set) var count = 0

    public init() {}

    public var isEmpty: Bool { count == 0 }

    /// Its size as limits count it (RFC 9113 §6.5.2).
    public var listBytes: Int { packed.count - 8 * count + Self.overhead * count }
    /// What each field counts beyond its name and value.
    public static let overhead = 32

    /// Room for that many bytes of names and values.
    public mutating func reserve(_ bytes: Int) {
        packed.reserveCapacity(bytes)
    }

    public mutating func append(_ name: Span<UInt8>, _ value: Span<UInt8>) {
        let lengths = UInt64(UInt32(name.count)) | UInt64(UInt32(value.count)) << 32
        let size = 8 + name.count + value.count
        packed.append(addingCapacity: size) { output in
            unsafe output.withUnsafeMutableBufferPointer { output, initialized in
                let room = UnsafeMutableRawBufferPointer(output)
                unsafe room.storeBytes(of: lengths.littleEndian, as: UInt64.self)
                let texts = unsafe UnsafeMutableRawBufferPointer(rebasing: room[8...])
                let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: texts[name.count...])
                unsafe name.withUnsafeBytes { unsafe texts.copyMemory(from: $0) }
                unsafe value.withUnsafeBytes { unsafe rest.copyMemory(from: $0) }
                initialized += size
            }
        }
        count += 1
    }

    public mutating func append(_ name: String, _ value: String) {
        append(name, Array(value.utf8))
    }

    public mutating func append(_ name: String, _ value: [UInt8]) {
        var name = name
        name.withUTF8 { name in
            unsafe append(name.span, value.span)
        }
    }

    public mutating func append(contentsOf other: HeaderFields) {
        packed.append(contentsOf: other.packed)
        count += other.count
    }

    public func visit(_ body: (_ name: Span<UInt8>, _ value: Span<UInt8>) -> Void) {
        unsafe withPointers { name, value in
            unsafe body(name.span, value.span)
        } then: {
        }
    }

    /// The pointers stay valid until `then` has returned.
    func withPointers<Result>(
        _ body: (UnsafeBufferPointer<UInt8>, UnsafeBufferPointer<UInt8>) -> Void,
        then: () -> Result
    ) -> Result {
        unsafe packed.withUnsafeBufferPointer { bytes in
            var offset = 0
            while offset < bytes.count {
                let nameCount = unsafe Self.length(bytes, offset)
                let valueCount = unsafe Self.length(bytes, offset + 4)
                offset += 8
                let name = unsafe UnsafeBufferPointer(rebasing: bytes[offset..<offset + nameCount])
                offset += nameCount
                let value = unsafe UnsafeBufferPointer(
                    rebasing: bytes[offset..<offset + valueCount])
                offset += valueCount
                unsafe body(name, value)
            }
            return then()
        }
    }

    /// The first value of that name, as text.
    public func first(_ name: String) -> String? {
        var found: String?
        visit { candidate, value in
            if found == nil && candidate.equals(text: name) { found = String(value) }
        }
        return found
    }

    private static func length(_ bytes: UnsafeBufferPointer<UInt8>, _ offset: Int) -> Int {
        let low = unsafe Int(bytes[offset]) | Int(bytes[offset + 1]) << 8
        return unsafe low | Int(bytes[offset + 2]) << 16 | Int(bytes[offset + 3]) << 24
    }
}

/// Header fields known when the program is compiled. They are sent without being copied.
public struct FixedHeaders: Sendable {
    let fields: [(name: StaticString, value: StaticString)]

    public init(_ fields: KeyValuePairs<StaticString, StaticString>) {
        self.fields = fields.map { ($0.key, $0.value) }
    }
}

extension Span<UInt8> {
    public func equals(_ text: StaticString) -> Bool {
        guard text.utf8CodeUnitCount == count else { return false }
        return unsafe withUnsafeBufferPointer { bytes in
            unsafe bytes.baseAddress.map {
                unsafe memcmp($0, text.utf8Start, text.utf8CodeUnitCount) == 0
            } ?? true
        }
    }

    public func equals(text: String) -> Bool {
        guard text.utf8.count == count else { return false }
        let text = text.utf8.span
        for index in indices where self[index] != text[index] { return false }
        return true
    }
}

extension String {
    /// Repairs what isn't UTF-8.
    public init(_ bytes: Span<UInt8>) {
        self = unsafe bytes.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }
}
