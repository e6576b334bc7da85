import Events
import Postgres
import TestSupport
import Testing

@testable import PostgresLog

@Suite struct EventChecksumTests {
    @Test(
        arguments: [
            ("", 0, 0xEF46_DB37_51D8_E999), ("abc", 0, 0x44BC_2CF5_AD77_0999),
            ("xxhash", 20_141_025, 0xB559_B98D_844E_0635),
            ("Nobody inspects the spammish repetition", 0, 0xFBCE_A83C_8A37_8BF1),
        ] as [(String, UInt64, UInt64)])
    func `hashes are those of the specification`(text: String, seed: UInt64, hash: UInt64) {
        let bytes = Array(text.utf8)
        let computed = XXHash64.hash(bytes.span.bytes, seed: seed)
        #expect(computed == hash)
    }

    /// With a value of its own in every field.
    private static func event(_ change: (inout EventMetadata) -> Void = { _ in }) -> NewEvent {
        var metadata = EventMetadata(
            correlationID: "a", causationID: "b", userID: "c", sessionID: "d", requestID: "e",
            channel: "f", userAgent: "g", ipAddress: "h", traceparent: "i", tracestate: "j",
            extra: ["é": "1", "e": "\u{1}\"2\\"])
        change(&metadata)
        return .test("lead/1", id: .number(7)).with(partitionKey: "key", metadata: metadata)
    }

    @Test func `the checksum of an event never changes from release to release`() {
        #expect(EventChecksum(Self.event()).rawValue == -2_966_141_864_168_436_305)
    }

    @Test func `a change of any value changes the checksum`() {
        let event = Self.event()
        let changed = [
            event.with(id: .number(8)), event.with(type: "lead.changed"), event.with(version: 2),
            event.with(kind: .system), event.with(tenant: TenantID(unchecked: "other")),
            event.with(source: "x"), event.with(subject: "x"), event.with(partitionKey: "x"),
            event.with(occurredAt: Timestamp(seconds: 1, nanoseconds: 123_456_789)),
            event.with(occurredAt: Timestamp(seconds: 1_700_000_000, nanoseconds: 123_456_788)),
            event.with(messageName: "test.x"), event.with(data: [1, 2, 4]), event.with(data: []),
        ]
        let changes: [(inout EventMetadata) -> Void] = [
            { $0.correlationID = "x" }, { $0.causationID = "x" },
            { $0.userID = "x" }, { $0.sessionID = "x" },
            { $0.requestID = "x" }, { $0.channel = "x" },
            { $0.userAgent = "x" }, { $0.ipAddress = "x" },
            { $0.traceparent = "x" }, { $0.tracestate = "x" },
            { $0.extra["é"] = "x" }, { $0.extra["new"] = "" },
            { $0.extra = [:] },
            // What one field loses and its neighbour gains.
            {
                $0.causationID = "bc"
                $0.userID = ""
            },
        ]
        let events = [event] + changed + changes.map(Self.event)
        #expect(Set(events.map(EventChecksum.init)).count == events.count)
    }

    @Test func `every stored event carries the checksum of what readers see`() async throws {
        try await TestLog.with { test in
            let large = [UInt8](repeating: 7, count: 100_000)
            let plain = NewEvent.test(data: large)
            let early = NewEvent.test("subject").with(
                occurredAt: Timestamp(seconds: -62_135_596_800, nanoseconds: 1))
            _ = try await test.append(Self.event(), plain)
            _ = try await test.append(early)
            let stored = try await test.rows(
                "select checksum from apus.events order by position"
            ).map { try $0.int64(0) }
            let read = try await test.history().map { EventChecksum($0).rawValue }
            #expect(stored == read)
            #expect(stored.count == 3)
        }
    }

    @Test func `a node of an older release goes on appending without checksums`() async throws {
        try await TestLog.with { test in
            _ = try await test.append(.test())
            try await test.script(
                """
                select * from apus.append(
                    gen_random_uuid(), '{1}', '{f}', '{}', '{}', '{}', '{}', array[gen_random_uuid()],
                    '{1}', array[gen_random_uuid()], '{}', '{1}', '{1}', '{0}', array[now()], '{0}',
                    '{s}', '{u}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}',
                    '{}', array['\\x01'::bytea])
                """)
            let rows = try await test.rows(
                "select count(*) from apus.events where checksum is null")
            #expect(try rows.only().int64(0) == 1)
            try await expectEqual(test.history().count, 2)
        }
    }
}
