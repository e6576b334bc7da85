import Postgres
import Telemetry
import TestSupport
import Testing

@testable import PostgresLog

@Suite struct MigratorTests {
    private static func migrate(
        _ migrations: [Migration], _ database: PostgresConfiguration
    ) async throws -> [String] {
        try await Migrator(migrations, logger: .silent).run(database, on: TestLoops.next)
    }

    private static let one = Migration("m1", Array("create table one (a integer)".utf8))
    private static let two = Migration("m2", Array("create table two (a integer)".utf8))

    @Test func `migrations are applied once, in order`() async throws {
        try await TestPostgres.withDatabase { database in
            try await expectEqual(Self.migrate([Self.one], database), ["m1"])
            try await expectEqual(Self.migrate([Self.one, Self.two], database), ["m2"])
            try await expectEqual(Self.migrate([Self.one, Self.two], database), [])
        }
    }

    @Test func `many nodes that migrate at once do it once`() async throws {
        try await TestPostgres.withDatabase { database in
            let applied = try await withThrowingTaskGroup(of: [String].self) { group in
                for _ in 0..<6 {
                    group.addTask { try await Self.migrate([Self.one, Self.two], database) }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(applied.sorted() == ["m1", "m2"])
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `who takes advisory locks holds up no migration`() async throws {
        try await TestPostgres.withDatabase { database in
            try await expectEqual(Self.migrate([Self.one], database), ["m1"])
            let other = try await PostgresConnection.connect(
                database, on: TestLoops.next, logger: .silent)
            let lock = "select pg_advisory_lock(5053001, 0)"
            _ = try await other.execute(Statement(name: lock, sql: lock))
            try await expectEqual(Self.migrate([Self.one, Self.two], database), ["m2"])
            await other.close()
        }
    }

    @Test func `a schema of a newer release is refused`() async throws {
        try await TestPostgres.withDatabase { database in
            _ = try await Self.migrate([Self.one, Self.two], database)
            await #expect(throws: Migrator.Refusal.newerSchema(["m2"])) {
                try await Self.migrate([Self.one], database)
            }
        }
    }

    @Test func `a migration that was changed after it was applied is refused`() async throws {
        try await TestPostgres.withDatabase { database in
            _ = try await Self.migrate([Self.one], database)
            let changed = Migration("m1", Array("create table other (a integer)".utf8))
            await #expect(throws: Migrator.Refusal.changedMigration("m1")) {
                try await Self.migrate([changed], database)
            }
        }
    }

    @Test func `a migration that fails leaves nothing behind`() async throws {
        try await TestPostgres.withDatabase { database in
            let broken = Migration("m2", Array("create table two (a integer); select 1/0".utf8))
            await #expect(throws: PostgresError.self) {
                try await Self.migrate([Self.one, broken], database)
            }
            try await expectEqual(Self.migrate([Self.one, Self.two], database), ["m2"])
        }
    }

    @Test func `a table in use is waited for with nobody waiting behind`() async throws {
        try await TestPostgres.withDatabase { database in
            _ = try await Self.migrate([Self.one], database)
            let changing = Migration("m2", Array("alter table one add column b integer".utf8))
            let read = Statement(name: "read", sql: "select count(*) from one")
            func connect() async throws -> PostgresConnection {
                try await PostgresConnection.connect(
                    database, on: TestLoops.next, logger: .silent)
            }
            let (holder, other) = (try await connect(), try await connect())
            try await withThrowingTaskGroup(of: [String].self) { group in
                try await holder.transaction { transaction in
                    _ = try await transaction.execute(read)
                    group.addTask { try await Self.migrate([Self.one, changing], database) }
                    // It has asked for the table and given up, twice.
                    var refusals = 0
                    var isWaiting = false
                    let waiting = Statement(
                        name: "waiting",
                        sql: """
                            select exists (select from pg_locks l
                                where l.relation = 'one'::regclass and not l.granted)
                            """)
                    while refusals < 2 {
                        let isWaitingNow = try await other.execute(waiting).only().bool(0)
                        if isWaiting, !isWaitingNow { refusals += 1 }
                        isWaiting = isWaitingNow
                        _ = try await other.execute(read)
                    }
                }
                try await expectEqual(group.next(), ["m2"])
            }
            await holder.close()
            await other.close()
        }
    }

    @Test func `what is missing is told without changing anything`() async throws {
        try await TestPostgres.withDatabase { database in
            let migrator = Migrator([Self.one, Self.two], logger: .silent)
            try await expectEqual(
                migrator.pending(database, on: TestLoops.next), ["m1", "m2"])
            _ = try await Self.migrate([Self.one], database)
            try await expectEqual(migrator.pending(database, on: TestLoops.next), ["m2"])
        }
    }

    @Test func `every file of a migration says what it is and is listed in order`() {
        let names = Migration.all.map(\.name)
        #expect(names == names.sorted())
        #expect(Set(names).count == names.count)
        for migration in Migration.all { #expect(migration.sql.hasPrefix("-- ")) }
    }
}
