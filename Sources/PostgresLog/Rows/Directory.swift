import Events
import Postgres
import Telemetry

/// The numbers of tenants and types, as far as this node has met them. Numbers never change, so
/// what is known stays true.
final class Directory: Sendable {
    struct TypeKey: Hashable, Sendable {
        let name: String
        let version: UInt32
        let message: String
    }

    private struct State {
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

    // MARK: Names to numbers

    /// The numbers of every tenant and type of the events; those new to the log are added first.
    func numbers(
        for events: [NewEvent]
    ) async throws -> (tenants: [Int32], types: [Int32]) {
        if let numbers = known(events) { return numbers }
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
            learn(tenants: try await pool.execute(SQLText.tenantsByName, [names]))
        }
        if !newTypes.isEmpty {
            _ = try await pool.execute(
                SQLText.typesAdd,
                [
                    .textArray(newTypes.map(\.name)),
                    .int4Array(newTypes.map { Int32(clamping: $0.version) }),
                    .textArray(newTypes.map(\.message)),
                ])
            learn(types: try await pool.execute(SQLText.typesAll))
        }
        guard let numbers = known(events) else {
            throw PostgresError(.schemaMismatch, "a tenant or type got no number")
        }
        return numbers
    }

    private func known(_ events: [NewEvent]) -> (tenants: [Int32], types: [Int32])? {
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
            return (tenants, types)
        }
    }

    /// The numbers of those tenants that exist.
    func numbers(of tenants: some Collection<TenantID>) async throws -> [Int32] {
        let missing = state.withLock { state in
            tenants.filter { state.tenantNumbers[$0] == nil }
        }
        if !missing.isEmpty {
            learn(
                tenants: try await pool.execute(
                    SQLText.tenantsByName, [.textArray(missing.map(\.rawValue))]))
        }
        return state.withLock { state in tenants.compactMap { state.tenantNumbers[$0] } }
    }

    // MARK: Numbers to names

    /// Tells the names of numbers that were read, asking for those which are new to this node.
    func names(
        tenants: Set<Int32>, types: Set<Int32>
    ) async throws -> (tenants: [Int32: TenantID], types: [Int32: TypeKey]) {
        let (newTenants, newTypes) = state.withLock { state in
            (
                tenants.filter { state.tenants[$0] == nil },
                types.contains { state.types[$0] == nil }
            )
        }
        if !newTenants.isEmpty {
            learn(
                tenants: try await pool.execute(
                    SQLText.tenantsByID, [.int4Array(newTenants.sorted())]))
        }
        if newTypes { learn(types: try await pool.execute(SQLText.typesAll)) }
        return state.withLock { state in (state.tenants, state.types) }
    }

    private func learn(tenants rows: Rows) {
        state.withLock { state in
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

    private func learn(types rows: Rows) {
        state.withLock { state in
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
