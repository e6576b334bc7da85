/// Rewrites a message in which a singular message field occurs more than once into the equal message
/// in which it occurs once.
///
/// The wire format says that such occurrences merge, field by field. protobuf-c's merging loses
/// scalars that have no presence, and looks up a oneof that neither side has set at index -1, so it
/// must never see one. Needs bytes that passed ``WireScan``; rarely needed at all
/// (``WireScan/Summary/needsMerge``).
struct WireMerge {
    private let bytes: [UInt8]
    private let storage: DescriptorStorage
    private var output: ReverseWriter

    /// - Returns: Bytes of the same message, never longer than the input.
    static func merged(_ bytes: [UInt8], as type: MessageDescriptor) -> [UInt8] {
        var merge = WireMerge(bytes: bytes, storage: type.storage)
        merge.write([0..<bytes.count], message: type.index)
        return merge.output.finish()
    }

    private init(bytes: [UInt8], storage: DescriptorStorage) {
        self.bytes = bytes
        self.storage = storage
        output = ReverseWriter(capacity: bytes.count)
    }

    /// One field, or all occurrences of one message field.
    private struct Item {
        let number: Int
        let value: WireItem.Value
        let message: Int?
        var parts: [Range<Int>] = []
    }

    /// Writes a message whose bytes are in several places, last field first: a length is known
    /// when what it counts has been written.
    private mutating func write(_ parts: [Range<Int>], message: Int) {
        for item in items(parts, message: message).reversed() {
            switch item.value {
            case .varint(let value):
                output.varint(value)
                output.tag(item.number, .varint)
            case .fixed32(let value):
                output.fixed32(value)
                output.tag(item.number, .fixed32)
            case .fixed64(let value):
                output.fixed64(value)
                output.tag(item.number, .fixed64)
            case .range(let range):
                let end = output.count
                if let inner = item.message {
                    write(item.parts, message: inner)
                } else {
                    output.bytes(bytes[range])
                }
                output.varint(UInt64(output.count - end))
                output.tag(item.number, .lengthDelimited)
            }
        }
    }

    private func items(_ parts: [Range<Int>], message: Int) -> [Item] {
        var items: [Item] = []
        var places: [Int: Int] = [:]
        var lastOfOneof: [Int: Int] = [:]
        for part in parts {
            var reader = WireReader(bytes, in: part)
            while !reader.isAtEnd, let item = reader.item() {
                let entry = storage.scanTable.field(item.number, of: message)
                let field = entry.map { storage.fields[Int($0.index)] }
                var added = Item(
                    number: item.number, value: item.value,
                    message: field.flatMap { $0.kind == .message ? $0.messageType : nil })
                if let range = item.range { added.parts = [range] }
                // A member of a oneof ends the message that was there before.
                var interrupted = false
                if let oneof = field?.oneof {
                    interrupted = lastOfOneof[oneof].map { $0 != item.number } ?? false
                    lastOfOneof[oneof] = item.number
                }
                if added.message != nil, field?.isRepeated == false {
                    if let place = places[item.number], !interrupted {
                        items[place].parts += added.parts
                        continue
                    }
                    places[item.number] = items.count
                }
                items.append(added)
            }
        }
        return items
    }
}

/// Writes wire values from the end of a buffer towards its start.
struct ReverseWriter {
    private var buffer: [UInt8] = []

    init(capacity: Int) {
        buffer.reserveCapacity(capacity)
    }

    var count: Int { buffer.count }

    mutating func varint(_ value: UInt64) {
        let start = buffer.count
        var rest = value
        repeat {
            buffer.append(UInt8(truncatingIfNeeded: rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
            rest >>= 7
        } while rest != 0
        buffer[start...].reverse()
    }

    mutating func tag(_ number: Int, _ type: WireType) {
        varint(UInt64(number) << 3 | UInt64(type.rawValue))
    }

    mutating func fixed32(_ value: UInt32) {
        for shift in stride(from: 24, through: 0, by: -8) {
            buffer.append(UInt8(truncatingIfNeeded: value >> UInt32(shift)))
        }
    }

    mutating func fixed64(_ value: UInt64) {
        for shift in stride(from: 56, through: 0, by: -8) {
            buffer.append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
        }
    }

    mutating func bytes(_ bytes: ArraySlice<UInt8>) {
        buffer.append(contentsOf: bytes.reversed())
    }

    func finish() -> [UInt8] { buffer.reversed() }
}
