import Digests
import Events
import Postgres
import Testing

@testable import PostgresLog

@Suite struct AuditTrailTests {
    private static func fill(_ test: TestLog, _ count: Int = 10) async throws {
        try await test.log.open()
        _ = try await test.log.append(
            AppendRequest(events: (0..<count).map { .test("subject-\($0)") }))
    }

    /// Position and hash of each row.
    private static func rows(_ test: TestLog) async throws -> [String] {
        try await test.rows(
            "select position || ' ' || encode(hash, 'hex') from apus.audit_trail order by position"
        ).map { try $0.string(0) }
    }

    /// The trail of a log of which nothing is missing, put together from the events as readers get
    /// them.
    private static func expected(_ events: [RecordedEvent]) -> [String] {
        let hash = SHA256()
        var previous = [UInt8](repeating: 0, count: 32)
        return events.map { event in
            hash.update(previous)
            hash.update([0, 1])
            hash.update(event.position.rawValue)
            hash.update(UInt64(bitPattern: EventChecksum(event).rawValue))
            let digest = hash.finish()
            previous = digest.bytes
            return "\(event.position) \(digest.hexadecimal)"
        }
    }

    @Test(arguments: [1, 3, 10, 100])
    func `each row's hash covers the one before, position and checksum, in pages of any size`(
        limit: Int
    ) async throws {
        try await TestLog.with { test in
            try await Self.fill(test)
            let trail = PostgresAuditTrail(pool: test.pool)
            try await expectEqual(trail.claim(fence: 1).head.position, .zero)
            var step = try await trail.extend(fence: 1, limit: limit)
            while step.head.position < step.logHead {
                step = try await trail.extend(fence: 1, limit: limit)
            }
            let expected = Self.expected(try await test.history())
            try await expectEqual(Self.rows(test), expected)
            #expect(step.head.rows == 10 && !step.isMissing)
            #expect(expected.last?.hasSuffix(step.head.hash.map(Self.hex).joined()) == true)
            try await expectEqual(trail.extend(fence: 1, limit: limit), step)
            try await expectEqual(test.verify().findings, [])
            try await expectEqual(test.verify().summary.audited, 10)
        }
    }

    @Test func `a page reads its own events and no others, whatever is known of the table`()
        async throws
    {
        try await TestLog.with { test in
            for _ in 0..<20 { try await Self.fill(test, 1_000) }
            _ = try await PostgresAuditTrail(pool: test.pool).claim(fence: 1)
            let (added, read) = try await test.pool.transaction { transaction in
                func number(_ sql: String) async throws -> Int64 {
                    try await transaction.execute(Statement(name: sql, sql: sql), [])
                        .only().int64(0)
                }
                return (
                    try await number("select position from apus.extend_audit(1, 200)"),
                    try await number(
                        """
                        select sum(seq_tup_read + idx_tup_fetch)::bigint
                        from pg_stat_xact_user_tables where relname like 'events_from_%'
                        """)
                )
            }
            #expect(added == 200)
            #expect(read == 200)
        }
    }

    private static func hex(_ byte: UInt8) -> String {
        let text = String(byte, radix: 16)
        return byte < 16 ? "0" + text : text
    }

    @Test func `whoever lost the lease adds nothing`() async throws {
        try await TestLog.with { test in
            try await Self.fill(test)
            let trail = PostgresAuditTrail(pool: test.pool)
            _ = try await trail.claim(fence: 4)
            _ = try await trail.extend(fence: 4, limit: 4)
            try await expectEqual(trail.claim(fence: 5).head.position, Position(4))
            await #expect(throws: BooksError.fenced) { try await trail.claim(fence: 4) }
            await #expect(throws: BooksError.fenced) { try await trail.extend(fence: 4, limit: 4) }
            try await expectEqual(Self.rows(test).count, 4)
        }
    }

    @Test func `nothing is added behind an event that is missing`() async throws {
        try await TestLog.with { test in
            try await Self.fill(test)
            try await test.script(
                "create table hidden as select * from apus.events where position = 4;"
                    + " delete from apus.events where position = 4")
            let trail = PostgresAuditTrail(pool: test.pool)
            _ = try await trail.claim(fence: 1)
            for _ in 0..<2 {
                let step = try await trail.extend(fence: 1, limit: 100)
                #expect(step.isMissing && step.head.position == Position(3))
            }
            try await test.script("insert into apus.events select * from hidden")
            let step = try await trail.extend(fence: 1, limit: 100)
            #expect(!step.isMissing && step.head.position == Position(10))
            let expected = Self.expected(try await test.history())
            try await expectEqual(Self.rows(test), expected)
        }
    }

    @Test func `what retention dropped before is one row, and the chain goes on`() async throws {
        try await TestLog.with { test in
            try await Self.fill(test)
            let trail = PostgresAuditTrail(pool: test.pool)
            _ = try await trail.claim(fence: 1)
            _ = try await trail.extend(fence: 1, limit: 2)
            // As if a partition of the first five had been dropped.
            try await test.script(
                "update apus.event_partitions set first_position = 6 where first_position = 1")
            let step = try await trail.extend(fence: 1, limit: 100)
            #expect(step.droppedSince == Position(3) && step.head.rows == 8)
            let kinds = try await test.rows(
                "select string_agg(position || ':' || kind, ' ' order by position) from apus.audit_trail"
            )
            try expectEqual(
                kinds.only().string(0), "1:1 2:1 5:3 6:1 7:1 8:1 9:1 10:1")
            let findings = try await test.verify().findings
            #expect(findings.allSatisfy { !$0.hasPrefix("audit") }, "\(findings)")
        }
    }

    @Test(arguments: [
        "update apus.audit_trail set checksum = 1", "delete from apus.audit_trail",
        "truncate apus.audit_trail",
    ])
    func `rows cannot be changed or taken away`(sql: String) async throws {
        try await TestLog.with { test in
            try await Self.fill(test)
            let trail = PostgresAuditTrail(pool: test.pool)
            _ = try await trail.claim(fence: 1)
            _ = try await trail.extend(fence: 1, limit: 100)
            await #expect(throws: PostgresError.self) { try await test.rows(sql) }
            try await expectEqual(Self.rows(test).count, 10)
        }
    }

    @Test(arguments: [
        (
            "update apus.audit_trail set checksum = 1 where position = 4",
            [
                "audit: position 4: the audit trail was changed: its hash is another"
            ]
        ),
        (
            "delete from apus.audit_trail where position = 4",
            [
                "audit: position 5: the audit trail has no row for 4",
                "audit: position 10: the audit trail ends at 10 with 9 rows, and is said to end here"
                    + " with 10",
            ]
        ),
        (
            "delete from apus.audit_trail where position = 10",
            [
                "audit: position 10: the audit trail ends at 9 with 9 rows, and is said to end here"
                    + " with 10"
            ]
        ),
        (
            "update apus.audit_head set hash = sha256('')",
            ["audit: position 10: the audit trail ends with another hash than is said of it"]
        ),
        (
            "update apus.events set checksum = 1 where position = 4",
            [
                "audit: position 4: the event is not the one that was audited: its checksum was"
                    + " another"
            ]
        ),
    ])
    func `what somebody changed is named with its place`(
        sql: String, findings: [String]
    ) async throws {
        try await TestLog.with { test in
            try await Self.fill(test)
            let trail = PostgresAuditTrail(pool: test.pool)
            _ = try await trail.claim(fence: 1)
            _ = try await trail.extend(fence: 1, limit: 100)
            try await test.script("alter table apus.audit_trail disable trigger all; \(sql)")
            let found = try await test.verify().findings.filter { $0.hasPrefix("audit") }
            #expect(found == findings)
        }
    }

    @Test func `retention waits for the trail`() async throws {
        try await TestLog.with { test in
            try await Self.fill(test)
            let lease = try await PostgresLeases(pool: test.pool).acquire(
                "audit", holder: "node", for: .seconds(6))
            let trail = PostgresAuditTrail(pool: test.pool)
            _ = try await trail.claim(fence: lease?.fence ?? 0)
            _ = try await trail.extend(fence: lease?.fence ?? 0, limit: 4)
            let floors = try await test.pool.execute(RetentionSQL.floors, [.int8(8)])
            try expectEqual(floors.map { try $0.string(0) }, ["audit"])
            try expectEqual(floors.map { try $0.int64(1) }, [4])
        }
    }
}
