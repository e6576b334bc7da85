/// Postgres counts time from 2000-01-01, in microseconds.
package enum PostgresTime {
    static let epoch: Int64 = 946_684_800_000_000

    /// What lies outside `Int64` becomes a value which the server refuses as out of range.
    @inline(__always)
    static func wire(unixMicroseconds: Int64) -> Int64 {
        let (shifted, overflow) = unixMicroseconds.subtractingReportingOverflow(epoch)
        return overflow ? .min + 1 : shifted
    }

    /// The infinities stay what they are, the ends of `Int64`.
    @inline(__always)
    package static func unixMicroseconds(wire: Int64) -> Int64 {
        if wire == .min || wire == .max { return wire }
        let (shifted, overflow) = wire.addingReportingOverflow(epoch)
        return overflow ? .max : shifted
    }
}

extension Parameter {
    var type: TypeOID {
        switch value {
        case .null(let type): type
        case .bool: .bool
        case .int2: .int2
        case .int4: .int4
        case .int8: .int8
        case .float8: .float8
        case .text: .text
        case .bytea: .bytea
        case .uuid: .uuid
        case .timestamptz: .timestamptz
        case .jsonb: .jsonb
        case .bools, .optionalBools: .boolArray
        case .int2s, .optionalInt2s: .int2Array
        case .int4s, .optionalInt4s: .int4Array
        case .int8s, .optionalInt8s: .int8Array
        case .float8s, .optionalFloat8s: .float8Array
        case .texts, .optionalTexts: .textArray
        case .byteas, .optionalByteas: .byteaArray
        case .uuids, .optionalUUIDs: .uuidArray
        case .timestamptzs, .optionalTimestamptzs: .timestamptzArray
        case .jsonbs, .optionalJSONBs: .jsonbArray
        }
    }

    /// Bytes on the wire without the length; -1 for a null.
    var binarySize: Int {
        switch value {
        case .null: -1
        case .bool: 1
        case .int2: 2
        case .int4: 4
        case .int8, .float8, .timestamptz: 8
        case .uuid: 16
        case .text(let text): text.utf8.count
        case .bytea(let bytes): bytes.count
        case .jsonb(let text): 1 + text.utf8.count
        case .bools(let values): Self.size(values, each: 1)
        case .int2s(let values): Self.size(values, each: 2)
        case .int4s(let values): Self.size(values, each: 4)
        case .int8s(let values), .timestamptzs(let values): Self.size(values, each: 8)
        case .float8s(let values): Self.size(values, each: 8)
        case .uuids(let values): Self.size(values, each: 16)
        case .texts(let values): Self.size(values) { $0.utf8.count }
        case .byteas(let values): Self.size(values) { $0.count }
        case .jsonbs(let values): Self.size(values) { 1 + $0.utf8.count }
        case .optionalBools(let values): Self.size(values) { $0 == nil ? 0 : 1 }
        case .optionalInt2s(let values): Self.size(values) { $0 == nil ? 0 : 2 }
        case .optionalInt4s(let values): Self.size(values) { $0 == nil ? 0 : 4 }
        case .optionalInt8s(let values), .optionalTimestamptzs(let values):
            Self.size(values) { $0 == nil ? 0 : 8 }
        case .optionalFloat8s(let values): Self.size(values) { $0 == nil ? 0 : 8 }
        case .optionalUUIDs(let values): Self.size(values) { $0 == nil ? 0 : 16 }
        case .optionalTexts(let values): Self.size(values) { $0?.utf8.count ?? 0 }
        case .optionalByteas(let values): Self.size(values) { $0?.count ?? 0 }
        case .optionalJSONBs(let values): Self.size(values) { $0.map { 1 + $0.utf8.count } ?? 0 }
        }
    }

    /// 12 bytes of header, 8 for the one dimension, which an empty array has not.
    @inline(__always)
    private static func size<Element>(_ values: [Element], each: Int) -> Int {
        values.isEmpty ? 12 : 20 + values.count * (4 + each)
    }

    @inline(__always)
    private static func size<Element>(_ values: [Element], _ size: (Element) -> Int) -> Int {
        guard !values.isEmpty else { return 12 }
        var total = 20 + values.count * 4
        for value in values { total += size(value) }
        return total
    }

    /// Writes exactly `binarySize` bytes.
    func write(to writer: inout BinaryWriter) {
        switch value {
        case .null: break
        case .bool(let value): writer.integer(UInt8(value ? 1 : 0))
        case .int2(let value): writer.integer(value)
        case .int4(let value): writer.integer(value)
        case .int8(let value): writer.integer(value)
        case .float8(let value): writer.integer(value.bitPattern)
        case .text(let value): writer.text(value)
        case .bytea(let value): writer.bytes(value)
        case .uuid(let value):
            writer.integer(value.high)
            writer.integer(value.low)
        case .timestamptz(let value):
            writer.integer(PostgresTime.wire(unixMicroseconds: value))
        case .jsonb(let value):
            writer.integer(UInt8(1))
            writer.text(value)
        case .bools(let values): writer.array(values, of: .bool) { $1.element($0) }
        case .int2s(let values): writer.array(values, of: .int2) { $1.element($0) }
        case .int4s(let values): writer.array(values, of: .int4) { $1.element($0) }
        case .int8s(let values): writer.array(values, of: .int8) { $1.element($0) }
        case .float8s(let values): writer.array(values, of: .float8) { $1.element($0) }
        case .texts(let values): writer.array(values, of: .text) { $1.element($0) }
        case .byteas(let values): writer.array(values, of: .bytea) { $1.element($0) }
        case .uuids(let values): writer.array(values, of: .uuid) { $1.element($0) }
        case .timestamptzs(let values):
            writer.array(values, of: .timestamptz) { $1.element(time: $0) }
        case .jsonbs(let values): writer.array(values, of: .jsonb) { $1.element(json: $0) }
        case .optionalBools(let values): writer.optionals(values, of: .bool) { $1.element($0) }
        case .optionalInt2s(let values): writer.optionals(values, of: .int2) { $1.element($0) }
        case .optionalInt4s(let values): writer.optionals(values, of: .int4) { $1.element($0) }
        case .optionalInt8s(let values): writer.optionals(values, of: .int8) { $1.element($0) }
        case .optionalFloat8s(let values):
            writer.optionals(values, of: .float8) { $1.element($0) }
        case .optionalTexts(let values): writer.optionals(values, of: .text) { $1.element($0) }
        case .optionalByteas(let values): writer.optionals(values, of: .bytea) { $1.element($0) }
        case .optionalUUIDs(let values): writer.optionals(values, of: .uuid) { $1.element($0) }
        case .optionalTimestamptzs(let values):
            writer.optionals(values, of: .timestamptz) { $1.element(time: $0) }
        case .optionalJSONBs(let values):
            writer.optionals(values, of: .jsonb) { $1.element(json: $0) }
        }
    }
}

// Elements of arrays: a length, then the value.
extension BinaryWriter {
    @inline(__always)
    fileprivate mutating func array<Element>(
        _ values: [Element], of type: TypeOID,
        _ write: (Element, inout BinaryWriter) -> Void
    ) {
        header(count: values.count, nulls: false, type)
        for value in values { write(value, &self) }
    }

    @inline(__always)
    fileprivate mutating func optionals<Element>(
        _ values: [Element?], of type: TypeOID,
        _ write: (Element, inout BinaryWriter) -> Void
    ) {
        header(count: values.count, nulls: true, type)
        for value in values {
            if let value { write(value, &self) } else { integer(Int32(-1)) }
        }
    }

    private mutating func header(count: Int, nulls: Bool, _ type: TypeOID) {
        integer(Int32(count == 0 ? 0 : 1))
        integer(Int32(nulls ? 1 : 0))
        integer(type.number)
        guard count > 0 else { return }
        integer(Int32(count))
        integer(Int32(1))
    }

    @inline(__always)
    fileprivate mutating func element<Number: FixedWidthInteger>(_ number: Number) {
        integer(Int32(MemoryLayout<Number>.size))
        integer(number)
    }

    @inline(__always)
    fileprivate mutating func element(_ value: Bool) { element(UInt8(value ? 1 : 0)) }

    @inline(__always)
    fileprivate mutating func element(_ value: Double) { element(value.bitPattern) }

    @inline(__always)
    fileprivate mutating func element(time: Int64) {
        element(PostgresTime.wire(unixMicroseconds: time))
    }

    @inline(__always)
    fileprivate mutating func element(_ value: UUIDBits) {
        integer(Int32(16))
        integer(value.high)
        integer(value.low)
    }

    @inline(__always)
    fileprivate mutating func element(_ value: String) {
        integer(Int32(value.utf8.count))
        text(value)
    }

    @inline(__always)
    fileprivate mutating func element(json: String) {
        integer(Int32(1 + json.utf8.count))
        integer(UInt8(1))
        text(json)
    }

    @inline(__always)
    fileprivate mutating func element(_ value: [UInt8]) {
        integer(Int32(value.count))
        bytes(value)
    }
}
