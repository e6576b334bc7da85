import Postgres
import TestSupport
import Testing

@testable import PostgresLog

/// What a group still needs of the log.
@Suite struct GroupFloorTests {
    /// A group that has taken up everything to the 35th position.
    private static let group = """
        insert into apus.consumers (name) values ('group/acme/g');
        insert into apus.groups (consumer_id, tenant, name, types, subject_prefix, sources, kinds,
            start_kind, ordering, max_attempts, ack_deadline_us)
        select id, 'acme', 'g', '{}', '', '{}', '{}', 1, 1, 10, 30000000 from apus.consumers;
        insert into apus.consumer_partitions (consumer_id, partition, position, fence, serial)
        select id, p, 35, 1, 1 from apus.consumers, generate_series(0, 63) p;
        """

    private static func work(_ position: Int, state: Int = 1, revived: Bool = false) -> String {
        """
        insert into apus.work (consumer_id, partition, position, state, attempt, lost, ticket,
            fence, revived)
        select id, 7, \(position), \(state), 1, 0, 1, 1, \(revived) from apus.consumers;
        """
    }

    private static func lane(at position: Int, key: String = "") -> String {
        """
        insert into apus.consumer_lanes (consumer_id, partition, tenant, key, position)
        select id, 9, 'acme', '\(key)', \(position) from apus.consumers;
        """
    }

    private static let cases: [(String, Int64)] = [
        ("", 35),
        ("update apus.consumer_partitions set position = 12 where partition = 3", 12),
        (lane(at: 21), 21),
        (lane(at: 21) + lane(at: 18, key: "k"), 18),
        (work(16), 15),
        (work(16, state: 2), 15),
        // Copies are kept of dead letters.
        (work(16, state: 3) + work(17, state: 2, revived: true), 35),
        (work(16) + lane(at: 14), 14),
        (work(16) + lane(at: 24), 15),
    ]

    @Test(arguments: cases)
    func `a group needs what its cursors, lanes and work are not past`(
        sql: String, floor: Int64
    ) async throws {
        try await TestLog.with { test in
            try await test.script(Self.group + sql)
            let row = try await test.rows("select consumer, position from apus.consumer_floors")
                .only()
            #expect(try row.string(0) == "group/acme/g")
            #expect(try row.int64(1) == floor)
        }
    }

    @Test func `retention keeps what a lane or unfinished work needs`() async throws {
        try await RetainedLog.with { log in
            try await log.fill(35)
            try await log.test.script(Self.group + Self.lane(at: 14) + Self.work(23))
            var retention = log.retention { $0.age = .seconds(60) }
            log.clock.advance(by: .seconds(120))
            try await retention.round()
            try await expectEqual(log.earliest(), 11)
            try await log.test.script("delete from apus.consumer_lanes")
            try await retention.round()
            try await expectEqual(log.earliest(), 21)
            try await log.test.script("delete from apus.work")
            try await retention.round()
            try await expectEqual(log.earliest(), 31)
        }
    }
}
