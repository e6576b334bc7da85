import Protobuf
import TestSupport

/// Makes messages of any type, in the one spelling that a parser of JSON would give them: fields
/// ascending, lists packed as declared, no defaults without presence.
struct RandomMessage {
    var random: SeededGenerator

    mutating func content(of type: MessageDescriptor, depth: Int = 4) -> [UInt8] {
        switch type.fullName {
        case "google.protobuf.Timestamp":
            return scalar(1, 1..<100_000) + scalar(2, 1..<1_000_000_000)
        case "google.protobuf.Duration":
            return scalar(1, 1..<100_000) + scalar(2, 1..<1_000_000_000)
        case "google.protobuf.FieldMask": return Wire.field(1, "foo_bar") + Wire.field(1, "baz")
        case "google.protobuf.Any": return any(depth: depth)
        case "google.protobuf.Value": return value(of: type, depth: depth)
        default: break
        }
        var bytes: [UInt8] = []
        var oneofs: Set<String> = []
        for field in type.fields where Int.random(in: 0..<6, using: &random) == 0 {
            if let oneof = field.oneof, !oneofs.insert(oneof.name).inserted { continue }
            if field.messageType != nil, depth == 0 { continue }
            bytes += self.field(field, depth: depth)
        }
        return bytes
    }

    private mutating func scalar(_ number: Int, _ range: Range<UInt64>) -> [UInt8] {
        Wire.field(number, varint: UInt64.random(in: range, using: &random))
    }

    private mutating func any(depth: Int) -> [UInt8] {
        let payload = content(of: Fixture.nested, depth: max(0, depth - 1))
        let url = Wire.field(1, "type.googleapis.com/\(Fixture.nested.fullName)")
        return url + (payload.isEmpty ? [] : Wire.field(2, payload))
    }

    private mutating func value(of type: MessageDescriptor, depth: Int) -> [UInt8] {
        let choices = type.fields.filter { depth > 0 || $0.messageType == nil }
        guard let field = choices.randomElement(using: &random) else { return [] }
        if field.kind == .double { return Wire.field(2, fixed64: 1.5.bitPattern) }
        if field.kind == .enumeration { return Wire.field(1, varint: 0) }
        return self.field(field, depth: depth)
    }

    private mutating func field(_ field: FieldDescriptor, depth: Int) -> [UInt8] {
        if let (key, value) = field.mapFields { return map(field, key, value, depth: depth) }
        guard field.isRepeated else { return single(field, depth: depth, isElement: false) }
        let count = Int.random(in: 1...4, using: &random)
        if !field.isPacked {
            return (0..<count).flatMap { _ in single(field, depth: depth, isElement: true) }
        }
        let tag = Wire.tag(field.number, wireType(field.kind)).count
        return Wire.field(
            field.number,
            (0..<count).flatMap { _ in single(field, depth: depth, isElement: true).dropFirst(tag) }
        )
    }

    private mutating func map(
        _ field: FieldDescriptor, _ key: FieldDescriptor, _ value: FieldDescriptor, depth: Int
    ) -> [UInt8] {
        var keys: Set<[UInt8]> = []
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let key = single(key, depth: 0, isElement: true)
            guard keys.insert(key).inserted else { continue }
            bytes += Wire.field(
                field.number, key + single(value, depth: max(0, depth - 1), isElement: true))
        }
        return bytes
    }

    /// - Parameter isElement: Whether a default is written too.
    private mutating func single(
        _ field: FieldDescriptor, depth: Int, isElement: Bool
    ) -> [UInt8] {
        if let type = field.messageType {
            return Wire.field(field.number, content(of: type, depth: max(0, depth - 1)))
        }
        let bits =
            UInt64.random(in: 0...UInt64.max, using: &random)
            >> UInt64.random(in: 0..<64, using: &random)
        let isWritten = isElement || field.hasPresence
        switch field.kind {
        case .string, .bytes:
            let text = String(
                repeating: ["a", "ü", "€", "😀", "\"\\\n\u{1}"].randomElement(using: &random) ?? "",
                count: Int.random(in: isWritten ? 0...20 : 1...20, using: &random))
            return Wire.field(field.number, text)
        case .double:
            let value = Double(bitPattern: bits)
            return Wire.field(field.number, fixed64: (value.isNaN ? 1.5 : value).bitPattern | 1)
        case .float:
            let value = Float(bitPattern: UInt32(truncatingIfNeeded: bits))
            return Wire.field(field.number, fixed32: (value.isNaN ? 1.5 : value).bitPattern | 1)
        case .fixed64, .sfixed64: return Wire.field(field.number, fixed64: bits | 1)
        case .fixed32, .sfixed32:
            return Wire.field(field.number, fixed32: UInt32(truncatingIfNeeded: bits) | 1)
        case .bool: return Wire.field(field.number, varint: isElement ? bits & 1 : 1)
        case .enumeration where field.enumeration?.fullName == "google.protobuf.NullValue":
            return isWritten ? Wire.field(field.number, varint: 0) : []
        case .int32, .enumeration:
            let value = Int64(Int32(truncatingIfNeeded: bits | 1))
            return Wire.field(field.number, varint: UInt64(bitPattern: value))
        case .uint32, .sint32:
            return Wire.field(field.number, varint: UInt64(UInt32(truncatingIfNeeded: bits) | 1))
        default: return Wire.field(field.number, varint: bits | 1)
        }
    }

    private func wireType(_ kind: FieldKind) -> Int {
        switch kind {
        case .double, .fixed64, .sfixed64: 1
        case .float, .fixed32, .sfixed32: 5
        case .string, .bytes, .message, .group: 2
        default: 0
        }
    }
}
