import Telemetry
import TestSupport
import Testing

@testable import Events

@Suite struct GroupGaugesTests {
    private static let late = GroupStanding(
        group: GroupStanding.Name(
            tenant: TenantID(unchecked: "acme"), name: GroupName(unchecked: "mail")),
        lagEvents: 7, lag: .milliseconds(1_500), members: 2, inFlight: 3, deadLettered: 4)

    private let clock = ManualClock()
    private let metrics = MetricsRegistry()
    private let sink = RecordingSink()
    private let groups = CountedGroups()
    private let gauges: GroupGauges

    init() {
        groups.change { $0.standings = [Self.late] }
        gauges = GroupGauges(
            groups: groups, leases: groups, node: "n", clock: clock, metrics: metrics,
            logger: Logger(label: "test", sink: sink))
    }

    /// What is shown, but for help and types.
    private var series: [String] {
        metrics.exposition().split(separator: "\n").filter { !$0.hasPrefix("#") }.map(String.init)
    }

    @Test func `each group has its five series`() async throws {
        try await gauges.look()
        #expect(
            series == [
                #"apus_group_in_flight{group="mail",tenant="acme"} 3"#,
                #"apus_group_lag_events{group="mail",tenant="acme"} 7"#,
                #"apus_group_lag_seconds{group="mail",tenant="acme"} 1.5"#,
                #"apus_group_members{group="mail",tenant="acme"} 2"#,
                #"apus_group_open_dead_letters{group="mail",tenant="acme"} 4"#,
            ])
    }

    @Test func `what has no series of its own is other, and nobody's group`() async throws {
        groups.change {
            $0.standings = [
                GroupStanding(
                    group: nil, lagEvents: 0, lag: .zero, members: 0, inFlight: 0, deadLettered: 0)
            ]
        }
        try await gauges.look()
        #expect(series.contains(#"apus_group_members{group="other",tenant=""} 0"#))
        #expect(groups.state.limits == [200])
    }

    @Test func `a group that was deleted vanishes`() async throws {
        try await gauges.look()
        groups.change { $0.standings = [] }
        try await gauges.look()
        #expect(metrics.exposition() == "")
    }

    @Test func `a node shows nothing while another does`() async throws {
        try await gauges.look()
        groups.change { $0.isHeldElsewhere = true }
        try await gauges.look()
        #expect(metrics.exposition() == "")
        #expect(groups.state.limits.count == 1)
    }

    @Test(arguments: [true, false])
    func `figures that cannot be renewed are shown as long as the lease lasts`(
        isLeased: Bool
    ) async throws {
        try await gauges.look()
        clock.advance(by: .seconds(1))
        // The store is away, or the query is.
        groups.change { state in
            state.canLease = isLeased
            state.canCount = false
        }
        await #expect(throws: EventsError.self) { try await gauges.look() }
        clock.advance(by: GroupGauges.leaseTime - .seconds(1) - .nanoseconds(1))
        #expect(series.count == 5)
        clock.advance(by: .nanoseconds(1))
        #expect(metrics.exposition() == "")
    }

    @Test func `it looks every ten seconds, also after one that failed`() async {
        await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await gauges.run() }
            defer { group.cancelAll() }
            await clock.waitForSleepers()
            groups.change { $0.canCount = false }
            clock.advance(by: GroupGauges.interval)
            await clock.waitForSleepers()
            #expect(sink.messages == ["Groups cannot be counted"])
            groups.change { $0.canCount = true }
            clock.advance(by: GroupGauges.interval - .nanoseconds(1))
            #expect(clock.sleepers == 1)
            clock.advance(by: .nanoseconds(1))
            await clock.waitForSleepers()
            #expect(groups.state.limits.count == 3)
        }
    }
}

/// Groups as a test says they are, and the lease on counting them.
private final class CountedGroups: GroupStandings, LeaseStore {
    struct State {
        var standings: [GroupStanding] = []
        var canCount = true
        var canLease = true
        var isHeldElsewhere = false
        /// One for each time that they were counted.
        var limits: [Int] = []
    }

    private let held = Lock(State())

    var state: State { held.withLock { $0 } }

    func change(_ change: (inout State) -> Void) { held.withLock { change(&$0) } }

    func standings(limit: Int) async throws -> [GroupStanding] {
        let state = held.withLock { state in
            state.limits.append(limit)
            return state
        }
        guard state.canCount else { throw Self.away }
        return state.standings
    }

    func acquire(_ name: String, holder: String, for time: Duration) async throws -> Lease? {
        guard state.canLease else { throw Self.away }
        return state.isHeldElsewhere ? nil : Lease(name: name, holder: holder, fence: 1)
    }

    func renew(_ lease: Lease, for time: Duration) async throws -> Bool { true }

    func release(_ lease: Lease) async throws {}

    private static let away = EventsError.unavailable(.draining, "Away.", retryAfter: .zero)
}
