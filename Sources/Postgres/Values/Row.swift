/// One row of a result. Columns count from 0.
///
/// A column that is not there, of another type, or null where that is not asked for, throws
/// `.schemaMismatch`. Functions that start with `optional` answer nil for a null.
public struct Row: Sendable {
    let rows: Rows
    let index: Int

    public func isNull(_ column: Int) throws(PostgresError) -> Bool {
        try cell(column).length < 0
    }

    // MARK: Never null

    public func bool(_ column: Int) throws(PostgresError) -> Bool {
        try some(optionalBool(column), column)
    }

    /// smallint.
    public func int16(_ column: Int) throws(PostgresError) -> Int16 {
        try some(optionalInt16(column), column)
    }

    /// integer or smaller.
    public func int32(_ column: Int) throws(PostgresError) -> Int32 {
        try some(optionalInt32(column), column)
    }

    /// bigint or smaller.
    public func int64(_ column: Int) throws(PostgresError) -> Int64 {
        try some(optionalInt64(column), column)
    }

    public func double(_ column: Int) throws(PostgresError) -> Double {
        try some(optionalDouble(column), column)
    }

    /// text, varchar, name, json or jsonb.
    public func string(_ column: Int) throws(PostgresError) -> String {
        try some(optionalString(column), column)
    }

    /// bytea.
    public func bytes(_ column: Int) throws(PostgresError) -> [UInt8] {
        try some(optionalBytes(column), column)
    }

    public func uuid(_ column: Int) throws(PostgresError) -> UUIDBits {
        try some(optionalUUID(column), column)
    }

    /// timestamptz, in microseconds since 1970; the ends of `Int64` are the infinities.
    public func timestamp(_ column: Int) throws(PostgresError) -> Int64 {
        try some(optionalTimestamp(column), column)
    }

    // MARK: Maybe null

    public func optionalBool(_ column: Int) throws(PostgresError) -> Bool? {
        let cell = try cell(column, .bool, "boolean")
        guard cell.length >= 0 else { return nil }
        return try number(UInt8.self, cell, column) != 0
    }

    public func optionalInt16(_ column: Int) throws(PostgresError) -> Int16? {
        let cell = try cell(column, .int2, "smallint")
        guard cell.length >= 0 else { return nil }
        return try number(Int16.self, cell, column)
    }

    public func optionalInt32(_ column: Int) throws(PostgresError) -> Int32? {
        let cell = try cell(column, [.int4, .int2], "integer")
        guard cell.length >= 0 else { return nil }
        if cell.length == 2 { return Int32(try number(Int16.self, cell, column)) }
        return try number(Int32.self, cell, column)
    }

    public func optionalInt64(_ column: Int) throws(PostgresError) -> Int64? {
        let cell = try cell(column, [.int8, .int4, .int2, .oid], "bigint")
        guard cell.length >= 0 else { return nil }
        switch cell.length {
        case 8: return try number(Int64.self, cell, column)
        case 2: return Int64(try number(Int16.self, cell, column))
        default:
            let number = try number(Int32.self, cell, column)
            return rows.columns[column].kind == .oid
                ? Int64(UInt32(bitPattern: number)) : Int64(number)
        }
    }

    public func optionalDouble(_ column: Int) throws(PostgresError) -> Double? {
        let cell = try cell(column, [.float8, .float4], "double precision")
        guard cell.length >= 0 else { return nil }
        if cell.length == 4 {
            return Double(Float(bitPattern: try number(UInt32.self, cell, column)))
        }
        return Double(bitPattern: try number(UInt64.self, cell, column))
    }

    public func optionalString(_ column: Int) throws(PostgresError) -> String? {
        let cell = try cell(column, [.text, .jsonb], "text")
        guard cell.length >= 0 else { return nil }
        var range = range(cell)
        // jsonb starts with its version.
        if rows.columns[column].kind == .jsonb { range = range.dropFirst() }
        return String(decoding: rows.bytes[range], as: UTF8.self)
    }

    public func optionalBytes(_ column: Int) throws(PostgresError) -> [UInt8]? {
        let cell = try cell(column, .bytea, "bytea")
        guard cell.length >= 0 else { return nil }
        return Array(rows.bytes[range(cell)])
    }

    /// Where a text or bytea lies in ``buffer``; nil for a null.
    public func stretch(_ column: Int) throws(PostgresError) -> Range<Int>? {
        let cell = try cell(column, [.text, .bytea], "text or bytea")
        return cell.length < 0 ? nil : range(cell)
    }

    /// The values of all rows of the result.
    public var buffer: [UInt8] { rows.bytes }

    public func optionalUUID(_ column: Int) throws(PostgresError) -> UUIDBits? {
        let cell = try cell(column, .uuid, "uuid")
        guard cell.length >= 0 else { return nil }
        guard cell.length == 16 else { throw mismatch(column, "a uuid") }
        let offset = Int(cell.offset)
        return UUIDBits(
            high: rows.bytes.bigEndian(UInt64.self, at: offset),
            low: rows.bytes.bigEndian(UInt64.self, at: offset + 8))
    }

    public func optionalTimestamp(_ column: Int) throws(PostgresError) -> Int64? {
        let cell = try cell(column, .timestamptz, "timestamptz")
        guard cell.length >= 0 else { return nil }
        return PostgresTime.unixMicroseconds(wire: try number(Int64.self, cell, column))
    }
}

// The way to a cell.
extension Row {
    func cell(_ column: Int) throws(PostgresError) -> Rows.Cell {
        guard (0..<rows.columns.count).contains(column) else {
            throw PostgresError(.schemaMismatch, "the result has no column \(column)")
        }
        return rows.cells[index * rows.columns.count + column]
    }

    @inline(__always)
    private func cell(
        _ column: Int, _ kinds: TypeKinds, _ wanted: StaticString
    ) throws(PostgresError) -> Rows.Cell {
        let cell = try cell(column)
        guard kinds.contains(rows.columns[column].kind) else {
            throw mismatch(column, wanted.description)
        }
        return cell
    }

    func range(_ cell: Rows.Cell) -> Range<Int> {
        Int(cell.offset)..<Int(cell.offset) + Int(cell.length)
    }

    private func number<Number: FixedWidthInteger>(
        _: Number.Type, _ cell: Rows.Cell, _ column: Int
    ) throws(PostgresError) -> Number {
        guard Int(cell.length) == MemoryLayout<Number>.size else {
            throw mismatch(column, "\(MemoryLayout<Number>.size) bytes")
        }
        return rows.bytes.bigEndian(Number.self, at: Int(cell.offset))
    }

    @inline(__always)
    func some<Value>(_ value: Value?, _ column: Int) throws(PostgresError) -> Value {
        guard let value else {
            throw PostgresError(
                .schemaMismatch, "column \(rows.columns[column].name) is null")
        }
        return value
    }

    func mismatch(_ column: Int, _ wanted: String) -> PostgresError {
        let found = rows.columns[column]
        return PostgresError(
            .schemaMismatch, "column \(found.name) is \(found.type), wanted \(wanted)")
    }
}

extension [UInt8] {
    /// A number in network byte order.
    @inline(__always)
    package func bigEndian<Number: FixedWidthInteger>(_: Number.Type, at offset: Int) -> Number {
        precondition(offset >= 0 && offset + MemoryLayout<Number>.size <= count, "out of bounds")
        return unsafe withUnsafeBytes {
            unsafe Number(bigEndian: $0.loadUnaligned(fromByteOffset: offset, as: Number.self))
        }
    }
}
