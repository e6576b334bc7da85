import Events
import Telemetry
import TestSupport

@testable import PostgresLog

/// A node with groups, on a test's own log.
struct GroupNode: Sendable {
    let name: String
    let test: TestLog
    let groups: Groups
    let store: PostgresGroups
    let books: PostgresConsumers
    let tail: EventTail
    let sink = RecordingSink()

    static let acme = TenantID(unchecked: "acme")
    static let mail = GroupName(unchecked: "mail")

    init(
        _ test: TestLog, name: String = "node-1",
        configuration: Groups.Configuration = GroupNode.quick, log: (any EventLog)? = nil,
        tellOthers: @escaping @Sendable () -> Void = {}
    ) {
        self.name = name
        self.test = test
        tail = EventTail(log: test.log)
        test.log.add(tail)
        store = PostgresGroups(pool: test.pool)
        books = PostgresConsumers(log: test.log)
        groups = Groups(
            store: store, books: books, log: log ?? test.log, tail: tail, node: name,
            configuration: configuration, metrics: MetricsRegistry(),
            logger: Logger(label: "test", sink: sink), tellOthers: tellOthers)
    }

    /// Looks after partitions more often than a real one.
    static var quick: Groups.Configuration {
        var configuration = Groups.Configuration()
        // Never over under load: tests say by themselves that a node is dead.
        configuration.leaseTime = .seconds(600)
        configuration.pollInterval = .milliseconds(50)
        configuration.drainGrace = .seconds(3)
        return configuration
    }

    /// Runs the node beside `body`; it drains when that ends.
    func running<Result: Sendable>(
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask {
                defer { groups.drain() }
                return try await body()
            }
            group.addTask {
                do { try await tail.run() } catch is CancellationError {}
                return nil
            }
            group.addTask {
                try await groups.run()
                return nil
            }
            var result: Result?
            var ended = 0
            while ended < 2, let next = try await group.next() {
                ended += 1
                result = next ?? result
            }
            group.cancelAll()
            guard let result else { throw TestFailure() }
            return result
        }
    }

    /// Partitions came here, so often.
    var takes: Int {
        sink.messages.count { $0 == "Partitions of a consumer were taken" }
    }

    /// Makes a group of everything that acme publishes.
    func create(
        _ change: (inout Group) -> Void = { _ in }
    ) async throws {
        var group = Group(
            name: Self.mail, tenant: Self.acme, filter: EventFilter(tenants: .only([Self.acme])),
            start: .beginning)
        change(&group)
        try await test.log.open()
        _ = try await groups.create(group)
    }

    func status() async throws -> GroupStatus {
        try await groups.get(Self.mail, tenant: Self.acme)
    }

    /// Joins, and leaves at the end of `body`.
    func member<Result: Sendable>(
        maxInFlight: Int = 256, untilCaughtUp: Bool = false,
        _ body: (Member) async throws -> Result
    ) async throws -> Result {
        let request = MembershipRequest(
            group: Self.mail, tenant: Self.acme, maxInFlight: maxInFlight,
            heartbeat: .milliseconds(200), untilCaughtUp: untilCaughtUp)
        return try await groups.withMembership(request) { membership in
            try await body(Member(node: self, membership: membership))
        }
    }

    func acknowledge(
        _ deliveries: [GroupDelivery], _ action: Acknowledgement.Action = .ack,
        reason: String = "", delay: Duration = .zero
    ) async throws -> Int {
        let expired = try await groups.acknowledge(
            deliveries.map {
                Acknowledgement(
                    token: $0.token.encoded(), action: action, reason: reason, delay: delay)
            }, group: Self.mail, tenant: Self.acme)
        return expired.count
    }

    /// Asks again until it is so: what other tasks write into tables tells nobody.
    func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
        let clock = ContinuousClock()
        // Long enough for a machine that has much else to do: what fails waits for it, nothing else.
        let end = clock.now + .seconds(120)
        while clock.now < end {
            if try await condition() { return true }
            try await clock.sleep(for: .milliseconds(5))
        }
        return false
    }
}

struct Member: Sendable {
    let node: GroupNode
    let membership: GroupMembership

    /// The next deliveries; nil at the end.
    func deliveries() async throws -> [GroupDelivery]? {
        while let item = try await membership.next() {
            if case .deliveries(let deliveries) = item { return deliveries }
        }
        return nil
    }

    /// So many deliveries, each acknowledged when `acknowledging`.
    func take(_ count: Int, acknowledging: Bool = false) async throws -> [GroupDelivery] {
        var taken: [GroupDelivery] = []
        while taken.count < count, let next = try await deliveries() {
            taken += next
            if acknowledging { _ = try await node.acknowledge(next) }
        }
        return taken
    }
}
