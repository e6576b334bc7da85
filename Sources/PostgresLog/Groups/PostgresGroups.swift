public import Events
public import Postgres

/// Groups in the table `apus.groups`.
public struct PostgresGroups: GroupStore, GroupStandings {
    private let store: ConsumerStore

    public init(pool: PostgresPool) {
        store = ConsumerStore(pool: pool)
    }

    /// Source: `SQL/group_create.sql`.
    public func create(_ group: Group, after position: Position) async throws -> GroupCreation {
        let rows = try await store.execute(
            GroupSQL.create,
            Self.key(group) + Self.filter(group.filter) + Self.start(group.start)
                + Self.rules(group) + [.position(position), .int8(Int64(Groups.maxPerTenant))])
        return try ConsumerStore.reading { () throws(PostgresError) in
            let row = try rows.only()
            if try row.bool(0) { return .made }
            return try row.bool(1) ? .nameTaken : .tenantFull
        }
    }

    /// Source: `SQL/group_find.sql`.
    public func find(_ name: GroupName, tenant: TenantID) async throws -> StoredGroup? {
        let rows = try await store.execute(
            GroupSQL.find, [.text(tenant.rawValue), .text(name.rawValue)])
        return try ConsumerStore.reading { () throws(PostgresError) in
            guard let row = rows.first else { return nil }
            return StoredGroup(
                group: try Self.group(row, tenant: tenant), consumer: try row.int32(0),
                version: try row.int64(1))
        }
    }

    public func status(_ name: GroupName, tenant: TenantID) async throws -> GroupStatus? {
        try await list(tenant: tenant, after: nil, name: name, limit: 1).first
    }

    public func list(
        tenant: TenantID, after: GroupName?, limit: Int
    ) async throws -> [GroupStatus] {
        try await list(tenant: tenant, after: after, name: nil, limit: limit)
    }

    /// Source: `SQL/group_list.sql`.
    private func list(
        tenant: TenantID, after: GroupName?, name: GroupName?, limit: Int
    ) async throws -> [GroupStatus] {
        let rows = try await store.execute(
            GroupSQL.list,
            [
                .text(tenant.rawValue), .text(after?.rawValue ?? ""), .text(name?.rawValue),
                .int8(Int64(limit)),
            ])
        return try ConsumerStore.reading { () throws(PostgresError) in
            var statuses: [GroupStatus] = []
            for row in rows {
                let position = try row.position(15)
                let head = try row.position(16)
                let lag = head.rawValue - min(head.rawValue, position.rawValue)
                let seconds = try row.optionalDouble(17) ?? 0
                statuses.append(
                    GroupStatus(
                        group: try Self.group(row, tenant: tenant), position: position,
                        lagEvents: lag, lag: .seconds(max(0, seconds)),
                        members: Int(try row.int64(18)), inFlight: Int(try row.int64(19)),
                        deadLettered: Int(try row.int64(20))))
            }
            return statuses
        }
    }

    /// Source: `SQL/group_standings.sql`.
    public func standings(limit: Int) async throws -> [GroupStanding] {
        let rows = try await store.execute(GroupSQL.standings, [.int8(Int64(limit))])
        return try ConsumerStore.reading { () throws(PostgresError) in
            var standings: [GroupStanding] = []
            for row in rows {
                var group: GroupStanding.Name?
                if let tenant = try row.optionalString(0), let name = try row.optionalString(1) {
                    group = GroupStanding.Name(
                        tenant: TenantID(unchecked: tenant), name: GroupName(unchecked: name))
                }
                standings.append(
                    GroupStanding(
                        group: group, lagEvents: UInt64(clamping: try row.int64(2)),
                        lag: .seconds(max(0, try row.optionalDouble(3) ?? 0)),
                        members: Int(try row.int64(4)), inFlight: Int(try row.int64(5)),
                        deadLettered: Int(try row.int64(6))))
            }
            return standings
        }
    }

    /// Source: `SQL/group_lock.sql`, `SQL/group_update.sql`.
    public func update(_ group: Group, from version: Int64) async throws -> Bool {
        try await store.transaction { transaction in
            _ = try await transaction.execute(GroupSQL.lock, Self.key(group))
            let rows = try await transaction.execute(
                GroupSQL.update,
                Self.key(group) + Self.filter(group.filter) + Self.rules(group)
                    + [.int8(version)])
            return !rows.isEmpty
        }
    }

    /// Source: `SQL/group_lock.sql`, `SQL/group_reset.sql`, `SQL/group_forget.sql`.
    public func reset(_ group: Group, after position: Position) async throws -> Bool {
        try await store.transaction { transaction in
            _ = try await transaction.execute(GroupSQL.lock, Self.key(group))
            let rows = try await transaction.execute(
                GroupSQL.reset,
                Self.key(group) + Self.start(group.start) + [.position(position)])
            guard let row = rows.first else { return false }
            _ = try await transaction.execute(GroupSQL.forget, [.int4(try row.int32(0))])
            return true
        }
    }

    /// Source: `SQL/group_lock.sql`, `SQL/group_delete.sql`, `SQL/group_forget.sql`.
    public func delete(_ name: GroupName, tenant: TenantID) async throws -> Bool {
        let key: [Parameter] = [.text(tenant.rawValue), .text(name.rawValue)]
        return try await store.transaction { transaction in
            _ = try await transaction.execute(GroupSQL.lock, key)
            let rows = try await transaction.execute(GroupSQL.delete, key)
            guard let row = rows.first else { return false }
            _ = try await transaction.execute(GroupSQL.forget, [.int4(try row.int32(0))])
            return true
        }
    }
}

// Definitions as parameters and columns.
extension PostgresGroups {
    private static func key(_ group: Group) -> [Parameter] {
        [.text(group.tenant.rawValue), .text(group.name.rawValue)]
    }

    private static func filter(_ filter: EventFilter) -> [Parameter] {
        var tenants = Parameter.null
        if case .only(let some) = filter.tenants {
            tenants = .textArray(some.sorted().map(\.rawValue))
        }
        return [
            .textArray(filter.types.map(\.text)), tenants, .text(filter.subjectPrefix),
            .textArray(filter.sources),
            .int2Array(filter.kinds.map { Int16($0.rawValue) }.sorted()),
        ]
    }

    private static func start(_ start: SubscriptionRequest.Start) -> [Parameter] {
        switch start {
        case .beginning: [.int2(1), .int8(nil), .timestamptz(nil)]
        case .end, .cursor: [.int2(2), .int8(nil), .timestamptz(nil)]
        case .after(let position): [.int2(3), .position(position), .timestamptz(nil)]
        case .since(let moment): [.int2(4), .int8(nil), .timestamptz(moment.microseconds)]
        }
    }

    private static func rules(_ group: Group) -> [Parameter] {
        [
            .int2(Int16(group.ordering.rawValue)), .int4(Int32(clamping: group.maxAttempts)),
            .int8(LedgerColumns.microseconds(group.ackDeadline)),
        ]
    }

    /// From the third column on.
    private static func group(_ row: Row, tenant: TenantID) throws(PostgresError) -> Group {
        let start: SubscriptionRequest.Start
        switch try row.int16(9) {
        case 1: start = .beginning
        case 3: start = .after(try row.position(10))
        case 4: start = .since(try row.optionalTime(11) ?? Timestamp(microseconds: 0))
        default: start = .end
        }
        let tenants = try row.strings(5).map(TenantID.init(unchecked:))
        let kinds = try row.int16s(8).compactMap { EventKind(rawValue: Int($0)) }
        return Group(
            name: GroupName(unchecked: try row.string(2)), tenant: tenant,
            filter: EventFilter(
                types: try row.strings(3).compactMap(TypePattern.init),
                tenants: try row.bool(4) ? .all : .only(Set(tenants)),
                subjectPrefix: try row.string(6), sources: try row.strings(7),
                kinds: Set(kinds)),
            start: start,
            ordering: GroupOrdering(rawValue: Int(try row.int16(12))) ?? .continue,
            maxAttempts: Int(try row.int32(13)), ackDeadline: .microseconds(try row.int64(14)))
    }
}
