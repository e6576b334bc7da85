import Events
import Postgres
import Testing

@testable import PostgresLog

@Suite struct HintTests {
    /// What is left when nobody polls.
    private static var patient: EventTail.Configuration {
        var configuration = EventTail.Configuration()
        configuration.pollInterval = .seconds(3_600)
        return configuration
    }

    @Test func `what one node stores wakes the subscribers of another`() async throws {
        try await TestLog.with { test in
            try await TestLog.node(on: test.database) { other in
                try await other.log.open()
                try await other.following(Self.patient) { subscriptions in
                    var subscription = try await subscriptions.open(.all)
                    _ = try await subscription.untilLive()
                    for position in UInt64(1)...20 {
                        _ = try await test.append(.test())
                        #expect(try await subscription.next(position))
                    }
                }
            }
        }
    }
}
