import Events
import Testing

@testable import PostgresLog

@Suite struct LookUpTests {
    @Test func `ids lead to their events`() async throws {
        try await TestLog.with { test in
            let event = NewEvent.test(id: .number(1))
            _ = try await test.append(.test(), event)
            try await expectEqual(
                test.log.event(id: event.id, tenant: event.tenant).position, Position(2))
            await #expect(throws: EventsError.eventNotFound(.number(2))) {
                try await test.log.event(id: .number(2), tenant: event.tenant)
            }
            await #expect(throws: EventsError.eventNotFound(.number(1))) {
                try await test.log.event(id: .number(1), tenant: TenantID(unchecked: "other"))
            }
            let found = try await test.log.events(
                at: [Position(2), Position(7), Position(1)], maxBytes: .max)
            #expect(found.events.map(\.position.rawValue) == [2, 1])
            #expect(found.count == 3)
        }
    }

    @Test func `ids lead to places`() async throws {
        try await TestLog.with { test in
            let event = NewEvent.test(id: .number(1), type: "order.paid")
            _ = try await test.append(.test(id: .number(2)), event)
            try await test.script("delete from apus.events where position = 1")
            func places(_ tenant: TenantID) async throws -> [EventPlace] {
                try await test.log.places(
                    of: [.number(1), .number(3), .number(2), .number(1)], tenant: tenant)
            }
            let stored = EventPlace.stored(Position(2), type: "order.paid")
            try await expectEqual(
                places(event.tenant), [stored, .unknown, .expired(Position(1)), stored])
            let none = [EventPlace](repeating: .unknown, count: 4)
            try await expectEqual(places(TenantID(unchecked: "other")), none)
        }
    }

    @Test func `events at positions end with the one that reaches the bytes`() async throws {
        try await TestLog.with { test in
            for bytes in [100, 300_000, 300_000, 100] {
                _ = try await test.append(.test(data: [UInt8](repeating: 7, count: bytes)))
            }
            let wanted = [4, 9, 3, 2, 1].map(Position.init(_:))
            func read(_ maxBytes: Int) async throws -> (count: Int, events: [UInt64]) {
                let read = try await test.log.events(at: wanted, maxBytes: maxBytes)
                return (read.count, read.events.map(\.position.rawValue))
            }
            for (bytes, count, events) in [
                (1, 1, [4]), (100_000, 3, [4, 3]), (400_000, 4, [4, 3, 2]),
                (1_000_000, 5, [4, 3, 2, 1]),
            ] as [(Int, Int, [UInt64])] {
                let page = try await read(bytes)
                #expect(page.count == count)
                #expect(page.events == events)
            }
        }
    }
}
