public import Events
public import Postgres

/// Leases in the table `apus.leases`, timed by the server's clock.
public struct PostgresLeases: LeaseStore {
    private let store: ConsumerStore

    public init(pool: PostgresPool) {
        store = ConsumerStore(pool: pool)
    }

    /// Source: `SQL/lease_acquire.sql`.
    public func acquire(
        _ name: String, holder: String, for time: Duration
    ) async throws -> Lease? {
        let rows = try await store.execute(
            ConsumerSQL.leaseAcquire, [.text(name), .text(holder), .int8(milliseconds(time))])
        guard let row = rows.first else { return nil }
        let fence = try ConsumerStore.reading { () throws(PostgresError) in try row.int64(0) }
        return Lease(name: name, holder: holder, fence: fence)
    }

    /// Source: `SQL/lease_renew.sql`.
    public func renew(_ lease: Lease, for time: Duration) async throws -> Bool {
        let rows = try await store.execute(
            ConsumerSQL.leaseRenew,
            [
                .text(lease.name), .text(lease.holder), .int8(lease.fence),
                .int8(milliseconds(time)),
            ])
        return !rows.isEmpty
    }

    /// Source: `SQL/lease_renew.sql`.
    public func release(_ lease: Lease) async throws {
        _ = try await renew(lease, for: .zero)
    }

    private func milliseconds(_ time: Duration) -> Int64 {
        LedgerColumns.microseconds(time) / 1_000
    }
}
