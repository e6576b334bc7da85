import Telemetry
import Testing

@testable import Events

@Suite struct ValueTests {
    @Test func `an id is read in either case and written in lower case`() {
        let id = EventID("0197C3F2-1111-7AAA-8bbb-1234567890Ab")
        #expect(id?.description == "0197c3f2-1111-7aaa-8bbb-1234567890ab")
        #expect(id == EventID(high: 0x0197_c3f2_1111_7aaa, low: 0x8bbb_1234_5678_90ab))
    }

    @Test(arguments: [
        "", "0197c3f2-1111-7aaa-8bbb-1234567890a", "0197c3f2-1111-7aaa-8bbb-1234567890abc",
        "0197c3f211117aaa8bbb1234567890ab", "{0197c3f2-1111-7aaa-8bbb-1234567890ab}",
        "0197c3f2-1111-7aaa-8bbb-1234567890ag", "0197c3f2-1111-7aaa-8bbb_1234567890ab",
        "0197c3f2-1111-7aaa-8bbb-1234567890é",
    ])
    func `anything else is no id`(_ text: String) {
        #expect(EventID(text) == nil)
    }

    @Test(arguments: [
        ("0197c3f2-1111-7aaa-8bbb-1234567890ab", true),
        ("0197C3F2-1111-7aaa-8bbb-1234567890ab", false),
        ("0197c3f2-1111-7aaa-8bbb-1234567890ac", false),
        ("1197c3f2-1111-7aaa-8bbb-1234567890ab", false),
        ("0197c3f2-1111-7aaa-8bbb01234567890ab", false),
        ("0197c3f2-1111-7aaa-8bbb-1234567890ab ", false), ("", false),
    ])
    func `one text alone spells an id`(text: String, isIt: Bool) throws {
        let id = try #require(EventID("0197c3f2-1111-7aaa-8bbb-1234567890ab"))
        #expect(id.isSpelled(text) == isIt)
    }

    @Test func `ids of version 7 sort by time and say what they are`() {
        let early = EventID.v7(at: Timestamp(seconds: 1_700_000_000, nanoseconds: 1_000_000))
        let later = EventID.v7(at: Timestamp(seconds: 1_700_000_000, nanoseconds: 1_000_900))
        let next = EventID.v7(at: Timestamp(seconds: 1_700_000_000, nanoseconds: 2_000_000))
        #expect(early < later)
        #expect(later < next)
        for id in [early, later, next] {
            #expect(id.high >> 12 & 0xf == 7)
            #expect(id.low >> 62 == 0b10)
            #expect(id.high >> 16 == 1_700_000_000_001 || id == next)
        }
    }

    @Test(arguments: [
        (0, Int64(0), Int32(0)), (1, 0, 1_000), (-1, -1, 999_999_000), (-1_000_000, -1, 0),
        (1_500_000, 1, 500_000_000),
    ])
    func `microseconds become seconds and back`(
        _ microseconds: Int, _ seconds: Int64, _ nanoseconds: Int32
    ) {
        let time = Timestamp(microseconds: Int64(microseconds))
        #expect(time == Timestamp(seconds: seconds, nanoseconds: nanoseconds))
        #expect(time.microseconds == Int64(microseconds))
    }

    @Test func `no nanosecond is lost between microseconds and the rest`() {
        for nanoseconds in [Int32(0), 1, 999, 1_000, 999_999_999] {
            for seconds in [Int64(-62_135_596_800), -1, 0, 253_402_300_799] {
                let time = Timestamp(seconds: seconds, nanoseconds: nanoseconds)
                #expect(time.isValid)
                let back = Timestamp(
                    microseconds: time.microseconds, nanoseconds: time.nanosecondsOfMicrosecond)
                #expect(back == time)
            }
        }
    }

    @Test func `moments beyond the calendar are not valid`() {
        for (seconds, nanoseconds) in [
            (-62_135_596_801, 0), (253_402_300_800, 0), (0, -1), (0, 1_000_000_000),
            (Int64.max, 0),
        ] {
            #expect(!Timestamp(seconds: Int64(seconds), nanoseconds: Int32(nanoseconds)).isValid)
        }
    }

    @Test func `tenants are short names`() {
        for name in ["a", "Acme-1_x.y", String(repeating: "a", count: 64)] {
            #expect(TenantID(name) != nil)
        }
        for name in ["", "a b", "a/b", "ä", "*", String(repeating: "a", count: 65), "a\0"] {
            #expect(TenantID(name) == nil)
        }
    }

    @Test func `a key's partition never changes`() {
        // Stored with every event: another value would move keys between consumers.
        let acme = TenantID(unchecked: "acme")
        #expect(Partition.of(tenant: acme, key: "lead-1") == 61)
        #expect(Partition.of(tenant: acme, key: "") == 25)
        #expect(Partition.of(tenant: TenantID(unchecked: "other"), key: "lead-1") == 2)
        var counts = [Int](repeating: 0, count: Partition.count)
        for number in 0..<6_400 { counts[Partition.of(tenant: acme, key: "k\(number)")] += 1 }
        #expect(counts.allSatisfy { (50...160).contains($0) })
    }

    @Test func `a footprint counts every text`() {
        func event(_ metadata: EventMetadata) -> RecordedEvent {
            RecordedEvent(
                position: Position(1), partition: 0, id: EventID(high: 1, low: 1), type: "a.b",
                version: 1, kind: .domain, tenant: TenantID(unchecked: "acme"), source: "",
                subject: "", partitionKey: "", occurredAt: Timestamp(seconds: 0, nanoseconds: 0),
                recordedAt: Timestamp(seconds: 0, nanoseconds: 0), metadata: metadata,
                messageName: "", data: [])
        }
        let text = String(repeating: "x", count: 1_024)
        let full = EventMetadata(
            correlationID: text, causationID: text, userID: text, sessionID: text,
            requestID: text, channel: text, userAgent: text, ipAddress: text, traceparent: text,
            tracestate: text, extra: [text: text])
        let bytes = event(full).footprint - event(EventMetadata()).footprint
        #expect((12 * 1_024...12 * 1_024 + 64).contains(bytes))
    }

    @Test func `positions know their neighbours`() {
        #expect(Position.zero.next == Position(1))
        #expect(Position.zero.previous == .zero)
        #expect(Position(5).previous == Position(4))
        #expect(Position.max.rawValue == 9_007_199_254_740_991)
    }
}
