import Handlers
import Postgres
import Telemetry
import TestSupport
import Testing

@testable import Events
@testable import PostgresLog

/// The projections that ship, run and made anew by a node.
@Suite struct RebuildTests {
    private static let caller = Caller(tenant: TenantID(unchecked: "acme"))
    private static let tenants = ["acme", "beta"]

    @Test(arguments: [11, 12] as [UInt64])
    func `every shipped projection made anew has the same rows, after retries and replays`(
        seed: UInt64
    ) async throws {
        var source = ShippedEvents(seed: seed)
        // Events about one thing have several keys, so that they are handled in any order.
        let events = (0..<300).map { number in NewEvent(source.next(), key: "key-\(number % 20)") }
        try await TestLog.with { test in
            let stumbles = Stumbles()
            let projections = HandlerRegistry.projections.map { Stumbling($0, stumbles) }
            let node = TestNode(test, registry: try .with([], projections: projections))
            try await node.running {
                _ = try await test.log.append(AppendRequest(events: events))
                try await finish(node)
                let replay = try await node.replays.start(
                    ReplayRequest(
                        selection: .range(
                            ReplayRange(
                                filter: EventFilter(tenants: .only([Self.caller.tenant]))))),
                    caller: Self.caller)
                let id = try #require(replay.id)
                let isReplayed = try await node.eventually {
                    try await node.replays.find(id, caller: Self.caller).state == .completed
                }
                #expect(isReplayed)
                let live = try await test.projectedRows()
                #expect(TestLog.projectedTables.allSatisfy { live[$0]?.isEmpty == false })
                #expect(stumbles.count > 50)

                stumbles.forget()
                for projection in projections {
                    _ = try await node.host.rebuild(projection.name)
                }
                try await finish(node)
                #expect(stumbles.count > 50)
                try await expectSame(test.projectedRows(), live)

                // One after another, with nothing in between.
                let history = try await test.history()
                try await test.forgetProjected()
                for event in history { try await test.project([event]) }
                try await expectSame(test.projectedRows(), live)
                // The events were made up, and so were their fingerprints.
                let findings = try await test.verify().findings
                #expect(findings.filter { !$0.hasPrefix("checksum") } == [])
            }
        }
    }

    @Test func `what a rebuild drops goes a page at a time, and all or nothing of it`()
        async throws
    {
        try await TestLog.with { test in
            let registry = try HandlerRegistry.with([], projections: [TestProjection()])
            let node = TestNode(test, registry: registry)
            try await node.host.register()
            try await test.script(
                """
                insert into apus.leads select 't', n::text, 's', now(), 1
                from generate_series(1, 1000) n;
                insert into apus.work
                    (consumer_id, partition, position, state, attempt, lost, ticket, fence)
                select h.consumer_id, n % 3, n, 1, 0, 0, 0, 0
                from apus.handlers h, generate_series(1, 20) n;
                insert into apus.dead_letters
                    (consumer_id, position, tenant_id, dead_lettered_at, reason)
                select h.consumer_id, n, 1, now(), '' from apus.handlers h,
                    generate_series(1, 20) n;
                create function apus.limit_page() returns trigger language plpgsql as $$
                begin
                    if (select count(*) from changed) > tg_argv[0]::integer then
                        raise exception 'too many at once';
                    end if;
                    return null;
                end
                $$;
                create trigger limit_page after delete on apus.leads
                    referencing old table as changed
                    for each statement execute function apus.limit_page(600);
                create trigger limit_page after delete on apus.work
                    referencing old table as changed
                    for each statement execute function apus.limit_page(3);
                create trigger limit_page after update on apus.dead_letters
                    referencing old table as changed
                    for each statement execute function apus.limit_page(3);
                """)
            func left() async throws -> [Int64] {
                let row = try await test.rows(
                    """
                    select (select count(*) from apus.leads), (select count(*) from apus.work),
                        (select count(*) from apus.dead_letters where resolved_at is null)
                    """
                ).only()
                return try (0..<3).map { try row.int64($0) }
            }
            let tables = TestProjection().tables
            await #expect(throws: EventsError.self) {
                try await PostgresBooks(pool: test.pool, pageSize: 4)
                    .rebuild("leads", tables: tables)
            }
            try await expectEqual(left(), [1_000, 20, 20])
            try await expectEqual(
                PostgresBooks(pool: test.pool, pageSize: 3).rebuild("leads", tables: tables),
                .begun)
            try await expectEqual(left(), [0, 0, 0])
        }
    }

    @Test func `a rebuild waits for what retention is dropping`() async throws {
        try await TestLog.with { test in
            let registry = try HandlerRegistry.with([], projections: [TestProjection()])
            let node = TestNode(test, registry: registry)
            try await node.host.register()
            let isOver = Lock(false)
            let other = try await PostgresConnection.connect(
                test.database, on: TestLoops.next, logger: .silent)
            try await withThrowingTaskGroup(of: Rebuild.self) { group in
                try await other.transaction { retention in
                    try await retention.script(
                        """
                        select apus.lock_partitions();
                        update apus.event_partitions set first_position = first_position + 5;
                        """)
                    group.addTask {
                        defer { isOver.withLock { $0 = true } }
                        return try await PostgresBooks(pool: test.pool)
                            .rebuild("leads", tables: TestProjection().tables)
                    }
                    let waits = """
                        select count(*) from pg_locks l
                        join pg_database d on d.oid = l.database and d.datname = current_database()
                        where l.relation = 'apus.partition_lock'::regclass and not l.granted
                        """
                    while !isOver.withLock({ $0 }),
                        try await test.rows(waits).only().int64(0) == 0
                    {}
                }
                try await #expect(group.next() == .expired)
            }
            await other.close()
        }
    }

    /// Waits until all is handled, has the dead letters tried again, and waits for those.
    private func finish(_ node: TestNode) async throws {
        let isHandled = try await node.eventually {
            try await node.host.list().allSatisfy { $0.state == .running && $0.lagEvents == 0 }
        }
        try #require(isHandled)
        let letters = PostgresDeadLetters(log: node.test.log, node: node.name)
        var retried = 0
        for tenant in Self.tenants {
            retried += try await letters.retry(
                DeadLetterSelection(tenant: TenantID(unchecked: tenant)), perSecond: nil)
        }
        #expect(retried > 20)
        let isOver = try await node.eventually {
            try await node.host.list().allSatisfy { $0.lagEvents == 0 && $0.deadLettered == 0 }
        }
        try #require(isOver)
    }

    private func expectSame(_ rows: [String: [String]], _ expected: [String: [String]]) {
        for table in TestLog.projectedTables { #expect(rows[table] == expected[table], "\(table)") }
    }
}

/// Which events each projection failed at.
private final class Stumbles: Sendable {
    private let seen = Lock<[String: Set<UInt64>]>([:])
    private let failures = Lock(0)

    /// How often one failed since it was last forgotten.
    var count: Int { failures.withLock { $0 } }

    func forget() {
        seen.withLock { $0 = [:] }
        failures.withLock { $0 = 0 }
    }

    /// Fails at the first look at some events: at some for a moment, at others for good.
    func look(at event: RecordedEvent, by name: String) throws {
        let position = event.position.rawValue
        let isFirst = seen.withLock { $0[name, default: []].insert(position).inserted }
        guard isFirst, position % 7 == 3 || position % 5 == 1 else { return }
        failures.withLock { $0 += 1 }
        throw position % 7 == 3
            ? HandlerError.transient("not now") : HandlerError.permanent("not like this")
    }
}

/// A shipped projection that stumbles.
private struct Stumbling: Projection {
    let base: any Projection
    let stumbles: Stumbles

    init(_ base: any Projection, _ stumbles: Stumbles) {
        self.base = base
        self.stumbles = stumbles
    }

    var name: String { base.name }
    var types: [TypePattern] { base.types }
    var tables: [String] { base.tables }
    var ordering: HandlerOrdering { base.ordering }
    var retry: RetryPolicy { RetryPolicy(firstDelay: .zero, maxDelay: .milliseconds(3)) }

    func changes(for event: RecordedEvent) throws -> [ProjectionChange]? {
        try stumbles.look(at: event, by: name)
        return try base.changes(for: event)
    }
}

extension NewEvent {
    /// An event that a test made up, to be stored under a key.
    fileprivate init(_ event: RecordedEvent, key: String) {
        let content = EventContent(
            id: event.id, type: event.type, version: event.version, kind: event.kind,
            tenant: event.tenant, source: event.source, subject: event.subject, partitionKey: key,
            occurredAt: event.occurredAt, metadata: event.metadata,
            messageName: event.messageName, data: event.data)
        self.init(
            content, hasCallersID: true,
            fingerprint: Fingerprint(high: 0, low: event.position.rawValue))
    }
}
