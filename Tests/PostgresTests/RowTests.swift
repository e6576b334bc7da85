import Postgres
import TestSupport
import Testing

@Suite struct RowTests {
    @Test func `integers widen and never narrow`() async throws {
        let rows = try await withConnection {
            try await $0.execute(
                sql("SELECT 1::int2, 2::int4, 3::int8, 4000000000::oid, 1.5::float4"))
        }
        let row = try rows.only()
        #expect(try row.int64(0) == 1)
        #expect(try row.int64(1) == 2)
        #expect(try row.int32(0) == 1)
        #expect(try row.int64(3) == 4_000_000_000)
        #expect(try row.double(4) == 1.5)
        #expect(throws: PostgresError.self) { try row.int32(2) }
        #expect(throws: PostgresError.self) { try row.int16(1) }
    }

    @Test func `what is not there or of another type is a schema mismatch that names it`()
        async throws
    {
        let rows = try await withConnection {
            try await $0.execute(sql("SELECT 'x'::text AS word, NULL::int8 AS nothing"))
        }
        let row = try rows.only()
        #expect(try rows.column("nothing") == 1)
        for failing in [
            { _ = try row.int64(0) }, { _ = try row.int64(1) }, { _ = try row.int64(2) },
            { _ = try rows.column("other") }, { _ = try row.int64s(0) },
        ] as [() throws -> Void] {
            let error = #expect(throws: PostgresError.self) { try failing() }
            #expect(error?.code == .schemaMismatch)
        }
        let error = #expect(throws: PostgresError.self) { try row.int64(0) }
        #expect(error?.message == "column word is text, wanted bigint")
    }

    @Test func `the command's tag and count are told`() async throws {
        try await withConnection { connection in
            _ = try await connection.execute(sql("CREATE TABLE t (n int)"))
            let inserted = try await connection.execute(
                sql("INSERT INTO t SELECT generate_series(1, 5)"))
            #expect(inserted.commandTag == "INSERT 0 5")
            #expect(inserted.affected == 5)
            #expect(inserted.isEmpty)
            let deleted = try await connection.execute(
                sql("DELETE FROM t WHERE n > $1"), [.int4(3)])
            #expect(deleted.affected == 2)
        }
    }
}
