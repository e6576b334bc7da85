public import Telemetry

/// Shows how all tenants' groups get on, for operators. Of all nodes one does so at a time: the
/// others show nothing, so that no series is there twice.
///
/// What it shows is good for as long as its lease. After that another node may show newer figures,
/// also when this one waits for the store and cannot know.
public final class GroupGauges: Sendable {
    static let interval: Duration = .seconds(10)
    /// A node that does not come back in this time is replaced.
    static let leaseTime: Duration = .seconds(25)
    /// More groups than these are counted together.
    static let maxGroups = 200
    private static let lease = "group-gauges"

    private struct Seen {
        var standings: [GroupStanding] = []
        var goodUntil: Duration = .zero
    }

    private let groups: any GroupStandings
    private let leases: any LeaseStore
    private let node: String
    private let time: Timekeeper
    private let logger: Logger
    private let seen: Lock<Seen>

    /// - Parameter node: Names this process, and no other.
    public init(
        groups: any GroupStandings, leases: any LeaseStore, node: String,
        clock: any Clock<Duration> = ContinuousClock(), metrics: MetricsRegistry, logger: Logger
    ) {
        self.groups = groups
        self.leases = leases
        self.node = node
        self.logger = logger
        let time = Timekeeper(clock)
        self.time = time
        let seen = Lock(Seen())
        self.seen = seen
        func show(
            _ name: String, _ help: String, _ value: @escaping @Sendable (GroupStanding) -> Double
        ) {
            metrics.table(name, help: help) {
                let standings = seen.withLock { $0.goodUntil > time.now() ? $0.standings : [] }
                return standings.map { (Self.labels($0), value($0)) }
            }
        }
        show(
            "apus_group_lag_events",
            "Positions between what a group has finished and the head of the log."
        ) { Double($0.lagEvents) }
        show(
            "apus_group_lag_seconds",
            "Age of the oldest event that a group has not finished. Alert on it."
        ) { $0.lag / .seconds(1) }
        show("apus_group_members", "Members of a group, on all nodes.") { Double($0.members) }
        show("apus_group_in_flight", "Events that members of a group have not answered.") {
            Double($0.inFlight)
        }
        show(
            "apus_group_open_dead_letters",
            "Events that a group gave up on, neither retried nor discarded since."
        ) { Double($0.deadLettered) }
    }

    /// A tenant's name is never empty, so that no group is taken for the rest.
    private static func labels(_ standing: GroupStanding) -> [MetricLabel] {
        [
            MetricLabel(.group, standing.group?.name.rawValue ?? "other"),
            MetricLabel(.tenant, standing.group?.tenant.rawValue ?? ""),
        ]
    }

    /// Goes on until it is cancelled.
    public func run() async throws {
        while true {
            do {
                try await look()
            } catch let error as EventsError {
                logger.warning(
                    "Groups cannot be counted", [.error: .init(String(describing: error))])
            }
            try await time.sleep(for: Self.interval)
        }
    }

    /// Counts, unless another node does.
    ///
    /// - Throws: ``EventsError`` or `CancellationError`.
    func look() async throws {
        // Before the lease begins, by the store's clock.
        let began = time.now()
        guard try await leases.acquire(Self.lease, holder: node, for: Self.leaseTime) != nil else {
            return seen.withLock { $0 = Seen() }
        }
        let standings = try await groups.standings(limit: Self.maxGroups)
        seen.withLock { $0 = Seen(standings: standings, goodUntil: began + Self.leaseTime) }
    }
}
