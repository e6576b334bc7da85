internal import CLibpq

/// Owns one `PGresult`.
@safe
final class ResultHandle {
    enum Status { case rows, command, failed, aborted, sync, copy }

    private let raw: OpaquePointer

    init(owning raw: OpaquePointer) { unsafe self.raw = raw }

    deinit { unsafe PQclear(raw) }

    var status: Status {
        switch unsafe PQresultStatus(raw) {
        case PGRES_TUPLES_OK, PGRES_SINGLE_TUPLE: .rows
        case PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: .command
        case PGRES_PIPELINE_SYNC: .sync
        case PGRES_PIPELINE_ABORTED: .aborted
        case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH: .copy
        default: .failed
        }
    }

    /// libpq's own words, which bear no SQLSTATE: the connection broke before the server's answer was
    /// there, or the answer could not be kept. Nothing that follows it tells what the server did.
    var isOfLibrary: Bool {
        status == .failed && field(Int32(UInt8(ascii: "C"))) == nil
    }

    private func field(_ code: Int32) -> String? {
        unsafe PQresultErrorField(raw, code).map { unsafe String(cString: $0) }
    }

    /// What the server said went wrong.
    var failure: ServerFailure {
        ServerFailure(
            severity: field(Int32(UInt8(ascii: "V"))) ?? "ERROR",
            sqlState: field(Int32(UInt8(ascii: "C"))),
            primary: field(Int32(UInt8(ascii: "M"))) ?? "",
            constraint: field(Int32(UInt8(ascii: "n"))),
            table: field(Int32(UInt8(ascii: "t"))),
            column: field(Int32(UInt8(ascii: "c"))),
            position: field(Int32(UInt8(ascii: "P"))))
    }

    /// Copies everything out, in two passes: sizes, then bytes.
    ///
    /// - Throws: `.schemaMismatch` for 2 GiB or more.
    func rows() throws(PostgresError) -> Rows {
        let count = Int(unsafe PQntuples(raw))
        let width = Int(unsafe PQnfields(raw))
        var columns: [Rows.Column] = []
        columns.reserveCapacity(width)
        for column in 0..<Int32(width) {
            columns.append(
                Rows.Column(
                    name: unsafe String(cString: PQfname(raw, column)),
                    type: TypeOID(number: UInt32(unsafe PQftype(raw, column)))))
        }
        let (cells, total) = try measureValues(count: count, width: width)
        return Rows(
            columns: columns, cells: cells, bytes: copyValues(cells, total: total), count: count,
            affected: Int(unsafe String(cString: PQcmdTuples(raw))) ?? 0,
            commandTag: unsafe String(cString: PQcmdStatus(raw)))
    }

    /// Where each value is going to be, and how many bytes all of them have.
    private func measureValues(
        count: Int, width: Int
    ) throws(PostgresError) -> (cells: [Rows.Cell], total: Int) {
        var total = 0
        let cells = unsafe [Rows.Cell](unsafeUninitializedCapacity: count * width) {
            cells, written in
            for row in 0..<Int32(count) {
                for column in 0..<Int32(width) {
                    let length = unsafe PQgetlength(raw, row, column)
                    // An empty value and a null have the same length.
                    let null = unsafe length == 0 && PQgetisnull(raw, row, column) == 1
                    unsafe cells.initializeElement(
                        at: written,
                        to: Rows.Cell(
                            offset: Int32(truncatingIfNeeded: total), length: null ? -1 : length))
                    written += 1
                    total += Int(length)
                }
            }
        }
        guard total < Int32.max else {
            throw PostgresError(.schemaMismatch, "a result over 2 GiB")
        }
        return (cells, total)
    }

    private func copyValues(_ cells: [Rows.Cell], total: Int) -> [UInt8] {
        guard total > 0 else { return [] }
        let width = unsafe PQnfields(raw)
        return unsafe [UInt8](unsafeUninitializedCapacity: total) { memory, initialized in
            var row: Int32 = 0
            var column: Int32 = 0
            for cell in cells {
                if cell.length > 0, let value = unsafe PQgetvalue(raw, row, column),
                    let start = memory.baseAddress
                {
                    unsafe UnsafeMutableRawPointer(start + Int(cell.offset))
                        .copyMemory(from: value, byteCount: Int(cell.length))
                }
                column += 1
                if column == width {
                    column = 0
                    row += 1
                }
            }
            initialized = total
        }
    }
}
