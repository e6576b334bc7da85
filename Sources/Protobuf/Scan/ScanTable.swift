/// Field look-up for the scan: flat arrays of plain values, so that it costs no retain and no hash.
struct ScanTable: Sendable {
    /// What the scan must know of one field.
    struct Field: Sendable {
        static let repeated: UInt8 = 1
        static let packable: UInt8 = 2
        static let required: UInt8 = 4
        static let map: UInt8 = 8

        /// Index in the storage's `fields`; -1: no such field.
        var index: Int32 = -1
        /// Index in the storage's `messages`, for message fields.
        var message: Int32 = -1
        /// Raw value of ``FieldKind``.
        var kind: UInt8 = 0
        /// Raw value of ``WireType``.
        var wireType: UInt8 = 0
        var flags: UInt8 = 0
        /// Size of one element of a C array; for a singular message field, its number among those of
        /// the message (63: that and all later ones).
        var sizeOrOrdinal: UInt8 = 0
    }

    /// Where a message's fields are.
    struct Message: Sendable {
        /// Numbers 0..<denseCount are at `dense` + number.
        var dense: Int32 = 0
        var denseCount: Int32 = 0
        /// Higher numbers, ascending, from here on.
        var sparse: Int32 = 0
        var sparseCount: Int32 = 0
        /// Upper bound for what protobuf-c allocates for an empty message.
        var structBytes: Int32 = 0
        var hasRequired = false
    }

    private(set) var messages: [Message] = []
    private(set) var fields: [Field] = []
    /// Parallel to `fields`.
    private(set) var numbers: [Int32] = []

    init(messages: [DescriptorStorage.Message], fields: [DescriptorStorage.Field]) {
        for message in messages {
            add(message, fields: fields, messages: messages)
        }
    }

    private mutating func add(
        _ message: DescriptorStorage.Message, fields all: [DescriptorStorage.Field],
        messages: [DescriptorStorage.Message]
    ) {
        var entry = Message()
        entry.dense = Int32(fields.count)
        var denseCount = 1
        var denseFields = 0
        for index in message.fields {
            guard all[index].number <= 16 + 4 * (denseFields + 1) else { break }
            denseFields += 1
            denseCount = all[index].number + 1
        }
        fields += Array(repeating: Field(), count: denseCount)
        numbers += (0..<Int32(denseCount))
        entry.denseCount = Int32(denseCount)
        entry.sparse = Int32(fields.count)

        // descriptor, n_unknown_fields, unknown_fields; the bitmap of required fields.
        var structBytes = 24 + (message.fields.count / 8 + 16)
        var ordinal: UInt8 = 0
        for index in message.fields {
            let field = all[index]
            var added = Field()
            added.index = Int32(index)
            added.message = Int32(field.messageType ?? -1)
            added.kind = field.kind.rawValue
            added.wireType = field.kind.wireType.rawValue
            if field.isRepeated { added.flags |= Field.repeated }
            if field.isRepeated, field.kind.isPackable { added.flags |= Field.packable }
            if field.isRequired { added.flags |= Field.required }
            if let type = field.messageType, messages[type].isMapEntry { added.flags |= Field.map }
            if field.isRepeated {
                added.sizeOrOrdinal = field.kind.elementBytes
            } else if field.kind == .message {
                added.sizeOrOrdinal = ordinal
                ordinal = min(ordinal + 1, 63)
            }
            // The largest member is ProtobufCBinaryData with a flag and padding; an array is a
            // count, a pointer, and padding of what it points to.
            structBytes += field.isRepeated ? 32 : 24
            entry.hasRequired = entry.hasRequired || field.isRequired
            if field.number < denseCount {
                fields[Int(entry.dense) + field.number] = added
            } else {
                fields.append(added)
                numbers.append(Int32(field.number))
                entry.sparseCount += 1
            }
        }
        entry.structBytes = Int32(structBytes + 15) & ~15
        self.messages.append(entry)
    }

    /// Look-up for code that is not on the hot path.
    func field(_ number: Int, of message: Int) -> Field? {
        let entry = messages[message]
        if number >= 0, number < Int(entry.denseCount) {
            let found = fields[Int(entry.dense) + number]
            return found.index < 0 ? nil : found
        }
        var low = Int(entry.sparse)
        var high = low + Int(entry.sparseCount)
        while low < high {
            let middle = (low + high) / 2
            if Int(numbers[middle]) < number { low = middle + 1 } else { high = middle }
        }
        guard low < Int(entry.sparse) + Int(entry.sparseCount), Int(numbers[low]) == number else {
            return nil
        }
        return fields[low]
    }
}

extension FieldKind {
    /// Size of one element of protobuf-c's array.
    fileprivate var elementBytes: UInt8 {
        switch self {
        case .int32, .uint32, .sint32, .fixed32, .sfixed32, .float, .bool, .enumeration: 4
        case .bytes: 16
        default: 8
        }
    }
}
