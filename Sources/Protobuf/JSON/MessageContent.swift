/// What one message holds, gathered by field.
///
/// The wire may have fields in any order, and parts of one message in several places; what counts is
/// the last scalar, all elements, and all parts of a message.
struct MessageContent {
    /// All values of one field, in order.
    struct Group {
        /// Index in the storage's `fields`.
        let field: Int
        let values: ArraySlice<WireItem>
    }

    private var items: [WireItem] = []
    /// Parallel to `items`: indices in the storage's `fields`, which ascend by number in a message.
    private var fields: [Int] = []

    /// - Parameter parts: Ranges of `bytes`, which passed the scan; unknown fields are left out.
    init(_ bytes: [UInt8], _ parts: [Range<Int>], _ type: MessageDescriptor) {
        let storage = type.storage
        /// Of each oneof: the member that is set, and from which item on.
        var members: [Int: (field: Int, since: Int)] = [:]
        var isSorted = true
        for part in parts {
            var reader = WireReader(bytes, in: part)
            while !reader.isAtEnd, let item = reader.item() {
                guard let entry = storage.scanTable.field(item.number, of: type.index) else {
                    continue
                }
                let field = Int(entry.index)
                if let oneof = storage.fields[field].oneof, members[oneof]?.field != field {
                    members[oneof] = (field, items.count)
                }
                if let last = fields.last, last > field { isSorted = false }
                items.append(item)
                fields.append(field)
            }
        }
        if isSorted, members.isEmpty { return }
        var kept = Array(items.indices)
        // What was set before another member of the oneof took its place is gone.
        kept.removeAll { index in
            guard let oneof = storage.fields[fields[index]].oneof, let member = members[oneof]
            else {
                return false
            }
            return member.field != fields[index] || index < member.since
        }
        if !isSorted { kept.sort { (fields[$0], $0) < (fields[$1], $1) } }
        items = kept.map { items[$0] }
        fields = kept.map { fields[$0] }
    }

    /// Ascending by field number.
    func groups() -> [Group] {
        var groups: [Group] = []
        var start = 0
        while start < fields.count {
            var end = start + 1
            while end < fields.count, fields[end] == fields[start] { end += 1 }
            groups.append(Group(field: fields[start], values: items[start..<end]))
            start = end
        }
        return groups
    }
}

extension WireItem {
    /// Whether the value is what its absence means too; -0.0 is not.
    func isDefault(of kind: FieldKind) -> Bool {
        switch (value, kind) {
        // Of a longer varint, 32 bits count.
        case (.varint(let value), .int32), (.varint(let value), .uint32),
            (.varint(let value), .sint32), (.varint(let value), .enumeration):
            UInt32(truncatingIfNeeded: value) == 0
        case (.varint(let value), _): value == 0
        case (.fixed32(let value), _): value == 0
        case (.fixed64(let value), _): value == 0
        case (.range(let range), _): range.isEmpty
        }
    }
}

extension WireReader {
    /// One element of a packed list.
    mutating func element(of kind: FieldKind) -> WireItem.Value? {
        switch kind.wireType {
        case .varint: varint().map { .varint($0) }
        case .fixed32: fixed32().map { .fixed32($0) }
        case .fixed64: fixed64().map { .fixed64($0) }
        default: nil
        }
    }
}
