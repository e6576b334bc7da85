import Events
import Postgres
import Telemetry

/// The numbers of tenants and types, as far as this node has met them. Numbers never change within
/// an epoch of the log; a restored store gives those that it lost to others.
final class Directory: Sendable {
    struct TypeKey: Hashable, Sendable {
        let name: String
        let version: UInt32
        let message: String
    }

    /// What tenants and types are called in rows.
    struct Numbers: Sendable {
        let tenants: [Int32]
        let types: [Int32]
        /// Of the log, in which they mean what they say; 0 before it is known.
        let epoch: UInt64
    }

    private struct State {
        var epoch: UInt64 = 0
        var tenantNumbers: [TenantID: Int32] = [:]
        var tenants: [Int32: TenantID] = [:]
        var typeNumbers: [TypeKey: Int32] = [:]
        var types: [Int32: TypeKey] = [:]
    }

    private let pool: PostgresPool
    private let state = Lock(State())

    init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Forgets everything when the log is in another epoch than what is known here.
    ///
    /// - Returns: Whether what was known still counts.
    @discardableResult
    func follow(_ epoch: UInt64) -> Bool {
        state.withLock { state in
            if state.epoch == epoch { return true }
            let isFirst = state.epoch == 0
            if !isFirst { state = State() }
            state.epoch = epoch
            return isFirst
        }
    }

    private var epoch: UInt64 { state.withLock { $0.epoch } }

    // MARK: Names to numbers

    /// The numbers of every tenant and type of the events; those new to the log are added first.
    func numbers(for events: [NewEvent]) async throws -> Numbers {
        if let numbers = known(events) { return numbers }
        let epoch = epoch
        let tenants = Set(events.map(\.tenant))
        let types = Set(events.map(TypeKey.init))
        let (newTenants, newTypes) = state.withLock { state in
            (
                tenants.filter { state.tenantNumbers[$0] == nil }.sorted(),
                types.filter { state.typeNumbers[$0] == nil }.sorted { $0.name < $1.name }
            )
        }
        if !newTenants.isEmpty {
            let names = Parameter.textArray(newTenants.map(\.rawValue))
            _ = try await pool.execute(SQLText.tenantsAdd, [names])
            learn(tenants: try await pool.execute(SQLText.tenantsByName, [names]), epoch)
        }
        if !newTypes.isEmpty {
            _ = try await pool.execute(
                SQLText.typesAdd,
                [
                    .textArray(newTypes.map(\.name)),
                    .int4Array(newTypes.map { Int32(clamping: $0.version) }),
                    .textArray(newTypes.map(\.message)),
                ])
            learn(types: try await pool.execute(SQLText.typesAll), epoch)
        }
        guard let numbers = known(events) else {
            // What was learnt meanwhile was of the history before.
            if self.epoch != epoch { return try await self.numbers(for: events) }
            throw PostgresError(.schemaMismatch, "a tenant or type got no number")
        }
        return numbers
    }

    private func known(_ events: [NewEvent]) -> Numbers? {
        state.withLock { state in
            var tenants: [Int32] = []
            var types: [Int32] = []
            tenants.reserveCapacity(events.count)
            types.reserveCapacity(events.count)
            for event in events {
                guard let tenant = state.tenantNumbers[event.tenant],
                    let type = state.typeNumbers[TypeKey(event)]
                else { return nil }
                tenants.append(tenant)
                types.append(type)
            }
            return Numbers(tenants: tenants, types: types, epoch: state.epoch)
        }
    }

    // MARK: Numbers to names

    /// Tells the names of numbers that were read, asking for those which are new to this node.
    ///
    /// - Parameter epoch: Of the log, when the numbers were read.
    func names(
        tenants: Set<Int32>, types: Set<Int32>, epoch: UInt64
    ) async throws -> (tenants: [Int32: TenantID], types: [Int32: TypeKey]) {
        follow(epoch)
        let (newTenants, newTypes) = state.withLock { state in
            (
                tenants.filter { state.tenants[$0] == nil },
                types.contains { state.types[$0] == nil }
            )
        }
        if !newTenants.isEmpty {
            learn(
                tenants: try await pool.execute(
                    SQLText.tenantsByID, [.int4Array(newTenants.sorted())]), epoch)
        }
        if newTypes { learn(types: try await pool.execute(SQLText.typesAll), epoch) }
        return try state.withLock { state in
            guard state.epoch == epoch else { throw EventsError.away(.unavailable) }
            return (state.tenants, state.types)
        }
    }

    /// What was asked for in another epoch is not what it was.
    private func learn(tenants rows: Rows, _ epoch: UInt64) {
        state.withLock { state in
            guard epoch == 0 || state.epoch == epoch else { return }
            for row in rows {
                guard let number = try? row.int32(0), let name = try? row.string(1) else {
                    continue
                }
                let tenant = TenantID(unchecked: name)
                state.tenantNumbers[tenant] = number
                state.tenants[number] = tenant
            }
        }
    }

    private func learn(types rows: Rows, _ epoch: UInt64) {
        state.withLock { state in
            guard epoch == 0 || state.epoch == epoch else { return }
            for row in rows {
                guard let number = try? row.int32(0), let name = try? row.string(1),
                    let version = try? row.int32(2), let message = try? row.string(3)
                else { continue }
                let key = TypeKey(name: name, version: UInt32(clamping: version), message: message)
                state.typeNumbers[key] = number
                state.types[number] = key
            }
        }
    }
}

extension Directory.TypeKey {
    init(_ event: NewEvent) {
        self.init(name: event.type, version: event.version, message: event.messageName)
    }
}
