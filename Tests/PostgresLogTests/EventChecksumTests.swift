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
    private static func event(_ change: (inout NewEvent) -> Void = { _ in }) -> NewEvent {
        var event = NewEvent.test("lead/1", id: .number(7))
        event.partitionKey = "key"
        event.metadata = EventMetadata(
            correlationID: "a", causationID: "b", userID: "c", sessionID: "d", requestID: "e",
            channel: "f", userAgent: "g", ipAddress: "h", traceparent: "i", tracestate: "j",
            extra: ["é": "1", "e": "\u{1}\"2\\"])
        change(&event)
        return event
    }

    @Test func `the checksum of an event never changes from release to release`() {
        #expect(EventChecksum(Self.event()).rawValue == -2_966_141_864_168_436_305)
    }

    @Test func `a change of any value changes the checksum`() {
        let changes: [(inout NewEvent) -> Void] = [
            { $0.id = .number(8) }, { $0.type = "lead.changed" }, { $0.version = 2 },
            { $0.kind = .system }, { $0.tenant = TenantID(unchecked: "other") },
            { $0.source = "x" }, { $0.subject = "x" }, { $0.partitionKey = "x" },
            { $0.occurredAt = Timestamp(seconds: 1, nanoseconds: 123_456_789) },
            { $0.occurredAt = Timestamp(seconds: 1_700_000_000, nanoseconds: 123_456_788) },
            { $0.messageName = "test.x" }, { $0.data = [1, 2, 4] }, { $0.data = [] },
            { $0.metadata.correlationID = "x" }, { $0.metadata.causationID = "x" },
            { $0.metadata.userID = "x" }, { $0.metadata.sessionID = "x" },
            { $0.metadata.requestID = "x" }, { $0.metadata.channel = "x" },
            { $0.metadata.userAgent = "x" }, { $0.metadata.ipAddress = "x" },
            { $0.metadata.traceparent = "x" }, { $0.metadata.tracestate = "x" },
            { $0.metadata.extra["é"] = "x" }, { $0.metadata.extra["new"] = "" },
            { $0.metadata.extra = [:] },
            // What one field loses and its neighbour gains.
            {
                $0.metadata.causationID = "bc"
                $0.metadata.userID = ""
            },
        ]
        let checksums =
            changes.map { EventChecksum(Self.event($0)) } + [EventChecksum(Self.event())]
        #expect(Set(checksums).count == changes.count + 1)
    }

    @Test func `every stored event carries the checksum of what readers see`() async throws {
        try await TestLog.with { test in
            let large = [UInt8](repeating: 7, count: 100_000)
            let plain = NewEvent.test(data: large)
            var early = NewEvent.test("subject")
            early.occurredAt = Timestamp(seconds: -62_135_596_800, nanoseconds: 1)
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
