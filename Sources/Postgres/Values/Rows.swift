/// What a statement answered: rows in binary, copied out of libpq into one buffer.
public struct Rows: Sendable {
    struct Cell: Sendable {
        let offset: Int32
        /// -1 for a null.
        let length: Int32
    }

    struct Column: Sendable {
        let name: String
        let type: TypeOID
        let kind: TypeKinds

        init(name: String, type: TypeOID) {
            self.name = name
            self.type = type
            kind = type.kind
        }
    }

    let columns: [Column]
    let cells: [Cell]
    let bytes: [UInt8]

    public let count: Int
    /// Rows inserted, updated, deleted, selected; 0 for other commands.
    public let affected: Int
    /// `INSERT 0 5`, `SELECT 1`, `COMMIT` …
    public let commandTag: String

    init(
        columns: [Column], cells: [Cell], bytes: [UInt8], count: Int, affected: Int,
        commandTag: String
    ) {
        self.columns = columns
        self.cells = cells
        self.bytes = bytes
        self.count = count
        self.affected = affected
        self.commandTag = commandTag
    }

    public var isEmpty: Bool { count == 0 }

    /// Bytes that it takes in memory.
    public var footprint: Int { bytes.count + cells.count * MemoryLayout<Cell>.stride }

    public var columnNames: [String] { columns.map(\.name) }

    /// The number of the column of that name, from 0.
    public func column(_ name: String) throws(PostgresError) -> Int {
        guard let index = columns.firstIndex(where: { $0.name == name }) else {
            throw PostgresError(.schemaMismatch, "the result has no column \(name)")
        }
        return index
    }

    /// The only row.
    public func only() throws(PostgresError) -> Row {
        guard count == 1 else {
            throw PostgresError(.schemaMismatch, "the result has \(count) rows, not one")
        }
        return self[0]
    }
}

extension Rows: RandomAccessCollection {
    public var startIndex: Int { 0 }
    public var endIndex: Int { count }

    public subscript(position: Int) -> Row {
        precondition((0..<count).contains(position), "no such row")
        return Row(rows: self, index: position)
    }
}
