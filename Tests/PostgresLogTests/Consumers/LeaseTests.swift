import Events
import Testing

@testable import PostgresLog

@Suite struct LeaseTests {
    @Test func `a lease has one holder`() async throws {
        try await TestLog.with { test in
            let leases = PostgresLeases(pool: test.pool)
            let first = try #require(
                try await leases.acquire("l", holder: "a", for: .seconds(60)))
            let other = try await leases.acquire("l", holder: "b", for: .seconds(60))
            #expect(other == nil)
            try await expectEqual(leases.renew(first, for: .seconds(60)), true)
            try await leases.release(first)
            let second = try #require(
                try await leases.acquire("l", holder: "b", for: .seconds(60)))
            #expect(second.fence > first.fence)
            try await expectEqual(leases.renew(first, for: .seconds(60)), false)
        }
    }

    @Test func `an expired lease is taken over`() async throws {
        try await TestLog.with { test in
            let leases = PostgresLeases(pool: test.pool)
            let first = try #require(try await leases.acquire("l", holder: "a", for: .zero))
            let second = try #require(
                try await leases.acquire("l", holder: "b", for: .seconds(60)))
            #expect(second.fence > first.fence)
            try await expectEqual(leases.renew(first, for: .seconds(60)), false)
        }
    }
}
