import Postgres
import TestSupport
import Testing

@Suite struct ParameterTests {
    @Test func `every scalar comes back as it went`() async throws {
        let text = "ä 漢字 🐦 \"'\\ \u{301}"
        let bytes: [UInt8] = [0, 1, 127, 128, 255]
        let uuid = UUIDBits(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210)
        let rows = try await withConnection { connection in
            try await connection.execute(
                sql("SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::text"),
                [
                    .bool(true), .int2(-32_768), .int4(.min), .int8(.max), .float8(-0.1),
                    .text(text), .bytea(bytes), .uuid(uuid), .timestamptz(-1_234_567),
                    .jsonb(#"{"a": [1, null, "é"]}"#), .uuid(uuid),
                ])
        }
        let row = try rows.only()
        #expect(try row.bool(0))
        #expect(try row.int16(1) == -32_768)
        #expect(try row.int32(2) == .min)
        #expect(try row.int64(3) == .max)
        #expect(try row.double(4) == -0.1)
        #expect(try row.string(5) == text)
        #expect(try row.bytes(6) == bytes)
        #expect(try row.uuid(7) == uuid)
        #expect(try row.timestamp(8) == -1_234_567)
        #expect(try row.string(9) == #"{"a": [1, null, "é"]}"#)
        #expect(try row.string(10) == "01234567-89ab-cdef-fedc-ba9876543210")
    }

    @Test func `every array comes back as it went`() async throws {
        let uuids = [UUIDBits(high: 1, low: 2), UUIDBits(high: .max, low: 0)]
        let rows = try await withConnection { connection in
            try await connection.execute(
                sql("SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb[]::text[]"),
                [
                    .boolArray([true, false]), .int2Array([1, -1]), .int4Array([.min, .max]),
                    .int8Array([.min, 0, .max]), .float8Array([1.5, .infinity]),
                    .textArray(["", "a,b", "{\"}", "ü"]), .byteaArray([[], [0], [1, 2, 3]]),
                    .uuidArray(uuids), .timestamptzArray([0, 1_700_000_000_000_000]),
                    .jsonbArray(["1", "{}"]),
                ])
        }
        let row = try rows.only()
        #expect(try row.bools(0) == [true, false])
        #expect(try row.int16s(1) == [1, -1])
        #expect(try row.int32s(2) == [.min, .max])
        #expect(try row.int64s(3) == [.min, 0, .max])
        #expect(try row.doubles(4) == [1.5, .infinity])
        #expect(try row.strings(5) == ["", "a,b", "{\"}", "ü"])
        #expect(try row.byteArrays(6) == [[], [0], [1, 2, 3]])
        #expect(try row.uuids(7) == uuids)
        #expect(try row.timestamps(8) == [0, 1_700_000_000_000_000])
        #expect(try row.strings(9) == ["1", "{}"])
    }

    @Test func `nulls in arrays arrive as nulls`() async throws {
        let texts: [String?] = ["a", nil, ""]
        let rows = try await withConnection { connection in
            try await connection.execute(
                sql(
                    """
                    SELECT t, array_position($2, NULL), array_position($3, NULL),
                        array_position($4, NULL), array_position($5, NULL),
                        array_position($6, NULL), array_position($7, NULL),
                        array_position($8, NULL), array_position($9, NULL),
                        array_position($10, NULL)
                    FROM (SELECT $1 AS t) x
                    """),
                [
                    .textArray(texts), .boolArray([true, nil]), .int2Array([1, nil]),
                    .int4Array([1, nil]), .int8Array([1, nil]), .float8Array([1, nil]),
                    .byteaArray([[1], nil]), .uuidArray([UUIDBits(high: 1, low: 1), nil]),
                    .timestamptzArray([1, nil]), .jsonbArray(["1", nil]),
                ])
        }
        let row = try rows.only()
        #expect(try row.stringsOrNulls(0) == texts)
        for column in 1...9 { #expect(try row.int32(column) == 2) }
        #expect(throws: PostgresError.self) { try row.strings(0) }
    }

    @Test func `empty values are not nulls, and nulls are not empty`() async throws {
        let rows = try await withConnection { connection in
            try await connection.execute(
                sql("SELECT $1, $2, $3, $4, $5::int4, $6, $7"),
                [
                    .text(""), .bytea([]), .textArray([String]()), .text(nil), .null,
                    .int8Array([Int64]()), .int8(nil),
                ])
        }
        let row = try rows.only()
        #expect(try row.string(0) == "")
        #expect(try row.bytes(1) == [])
        #expect(try row.strings(2) == [])
        #expect(try row.optionalString(3) == nil)
        #expect(try row.optionalInt32(4) == nil)
        #expect(try row.int64s(5) == [])
        #expect(try row.optionalInt64(6) == nil)
        #expect(throws: PostgresError.self) { try row.string(3) }
    }

    @Test func `arrays unnest together, row by row`() async throws {
        let rows = try await withConnection { connection in
            try await connection.execute(
                sql("SELECT * FROM unnest($1::int8[], $2::text[], $3::bytea[]) WITH ORDINALITY"),
                [
                    .int8Array((0..<1_000).map { $0 }), .textArray((0..<1_000).map { "n\($0)" }),
                    .byteaArray((0..<1_000).map { [UInt8($0 & 255)] }),
                ])
        }
        #expect(rows.count == 1_000)
        for (index, row) in rows.enumerated() {
            #expect(try row.int64(0) == Int64(index))
            #expect(try row.string(1) == "n\(index)")
            #expect(try row.bytes(2) == [UInt8(index & 255)])
            #expect(try row.int64(3) == Int64(index) + 1)
        }
    }

    @Test func `a parameter of another type is refused, not misread`() async throws {
        try await withConnection { connection in
            _ = try await connection.execute(sql("CREATE TABLE t (at timestamptz, n int8)"))
            let error = await postgresError {
                _ = try await connection.execute(
                    sql("INSERT INTO t (at) VALUES ($1)"), [.int8(1)])
            }
            #expect(error?.code == .rejected)
            #expect(error?.sqlState == "42804")
        }
    }

    @Test func `one statement takes parameters of several types`() async throws {
        try await withConnection { connection in
            let statement = sql("SELECT pg_typeof($1)::text, $1::text")
            for (parameter, type, text) in [
                (Parameter.int4(1), "integer", "1"), (.text("x"), "text", "x"),
                (.int4(2), "integer", "2"), (.bool(true), "boolean", "true"),
            ] {
                let row = try await connection.execute(statement, [parameter]).only()
                #expect(try row.string(0) == type)
                #expect(try row.string(1) == text)
            }
        }
    }

    @Test func `times beyond what Postgres knows are refused, not stored as infinity`() async throws
    {
        try await withConnection { connection in
            for time: Int64 in [.min, .min + 1, -211_000_000_000_000_000] {
                let error = await postgresError {
                    _ = try await connection.execute(
                        sql("SELECT $1::timestamptz::text"), [.timestamptz(time)])
                }
                #expect(error?.sqlState == "22008")
            }
            let row = try await connection.execute(
                sql("SELECT 'infinity'::timestamptz, '-infinity'::timestamptz")
            ).only()
            #expect(try row.timestamp(0) == .max)
            #expect(try row.timestamp(1) == .min)
        }
    }

    @Test func `a text with a NUL is refused by the server, and the session lives`() async throws {
        try await withConnection { connection in
            let error = await postgresError {
                _ = try await connection.execute(sql("SELECT $1"), [.text("a\0b")])
            }
            #expect(error?.sqlState == "22021")
            let rows = try await connection.execute(sql("SELECT 1"))
            #expect(rows.count == 1)
        }
    }
}
