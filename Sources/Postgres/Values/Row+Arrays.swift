// One-dimensional arrays.
extension Row {
    public func bools(_ column: Int) throws(PostgresError) -> [Bool] {
        try elements(column, .boolArray) { bytes, range in
            range.count == 1 ? bytes[range.lowerBound] != 0 : nil
        }
    }

    /// smallint[].
    public func int16s(_ column: Int) throws(PostgresError) -> [Int16] {
        try elements(column, .int2Array) { bytes, range in
            range.count == 2 ? bytes.bigEndian(Int16.self, at: range.lowerBound) : nil
        }
    }

    /// integer[].
    public func int32s(_ column: Int) throws(PostgresError) -> [Int32] {
        try elements(column, .int4Array) { bytes, range in
            range.count == 4 ? bytes.bigEndian(Int32.self, at: range.lowerBound) : nil
        }
    }

    /// bigint[].
    public func int64s(_ column: Int) throws(PostgresError) -> [Int64] {
        try some(optionalInt64s(column), column)
    }

    /// bigint[] that may hold nulls.
    public func optionalInt64s(_ column: Int) throws(PostgresError) -> [Int64]? {
        guard try !isNull(column) else { return nil }
        return try elements(column, .int8Array) { bytes, range in
            range.count == 8 ? bytes.bigEndian(Int64.self, at: range.lowerBound) : nil
        }
    }

    /// double precision[].
    public func doubles(_ column: Int) throws(PostgresError) -> [Double] {
        try elements(column, .float8Array) { bytes, range in
            range.count == 8
                ? Double(bitPattern: bytes.bigEndian(UInt64.self, at: range.lowerBound)) : nil
        }
    }

    /// text[].
    public func strings(_ column: Int) throws(PostgresError) -> [String] {
        try elements(column, .textArray) { bytes, range in
            String(decoding: bytes[range], as: UTF8.self)
        }
    }

    /// text[] that may hold nulls.
    public func stringsOrNulls(_ column: Int) throws(PostgresError) -> [String?] {
        try elementsOrNulls(column, .textArray) { bytes, range in
            String(decoding: bytes[range], as: UTF8.self)
        }
    }

    /// bytea[].
    public func byteArrays(_ column: Int) throws(PostgresError) -> [[UInt8]] {
        try elements(column, .byteaArray) { bytes, range in Array(bytes[range]) }
    }

    public func uuids(_ column: Int) throws(PostgresError) -> [UUIDBits] {
        try elements(column, .uuidArray) { bytes, range in
            guard range.count == 16 else { return nil }
            return UUIDBits(
                high: bytes.bigEndian(UInt64.self, at: range.lowerBound),
                low: bytes.bigEndian(UInt64.self, at: range.lowerBound + 8))
        }
    }

    /// timestamptz[], in microseconds since 1970.
    public func timestamps(_ column: Int) throws(PostgresError) -> [Int64] {
        try elements(column, .timestamptzArray) { bytes, range in
            guard range.count == 8 else { return nil }
            return PostgresTime.unixMicroseconds(
                wire: bytes.bigEndian(Int64.self, at: range.lowerBound))
        }
    }

    private func elements<Element>(
        _ column: Int, _ type: TypeOID, _ decode: ([UInt8], Range<Int>) -> Element?
    ) throws(PostgresError) -> [Element] {
        let optionals = try elementsOrNulls(column, type, decode)
        var elements: [Element] = []
        elements.reserveCapacity(optionals.count)
        for element in optionals {
            guard let element else { throw mismatch(column, "an array without nulls") }
            elements.append(element)
        }
        return elements
    }

    /// `decode` answers nil for bytes that are no element.
    private func elementsOrNulls<Element>(
        _ column: Int, _ type: TypeOID, _ decode: ([UInt8], Range<Int>) -> Element?
    ) throws(PostgresError) -> [Element?] {
        let cell = try cell(column)
        guard rows.columns[column].type == type else { throw mismatch(column, "\(type)") }
        guard cell.length >= 0 else { throw mismatch(column, "a value") }
        let whole = range(cell)
        let bytes = rows.bytes
        guard whole.count >= 12 else { throw mismatch(column, "an array") }
        let dimensions = bytes.bigEndian(Int32.self, at: whole.lowerBound)
        if dimensions == 0 { return [] }
        guard dimensions == 1, whole.count >= 20 else { throw mismatch(column, "one dimension") }
        let count = Int(bytes.bigEndian(Int32.self, at: whole.lowerBound + 12))
        guard count >= 0, count <= (whole.count - 20) / 4 else {
            throw mismatch(column, "an array")
        }
        var elements: [Element?] = []
        elements.reserveCapacity(count)
        var offset = whole.lowerBound + 20
        for _ in 0..<count {
            guard offset + 4 <= whole.upperBound else { throw mismatch(column, "an array") }
            let length = Int(bytes.bigEndian(Int32.self, at: offset))
            offset += 4
            guard length >= 0 else {
                elements.append(nil)
                continue
            }
            guard offset + length <= whole.upperBound,
                let element = decode(bytes, offset..<offset + length)
            else { throw mismatch(column, "an array") }
            elements.append(element)
            offset += length
        }
        return elements
    }
}
