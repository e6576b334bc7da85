/// The lanes of all partitions that a node holds.
struct OpenLanes: Equatable {
    /// In how many partitions each of them is.
    private(set) var counts: [LaneScope: Int] = [:]
    /// In the order in which they were opened.
    private(set) var scopes: [LaneScope] = []
    /// Of single keys that wait for long: nothing is read of these, and each has work that is counted
    /// as parked, so that there are no more than that may be.
    private(set) var blocked: Set<LaneScope> = []
    /// How many of the others are of single keys, by tenants.
    private(set) var keys: [TenantID: Int] = [:]

    var count: Int { scopes.count }
    /// Without those that are blocked.
    var open: Int { scopes.count - blocked.count }
    var isEmpty: Bool { scopes.isEmpty }

    func contains(_ scope: LaneScope) -> Bool { counts[scope] != nil }

    /// It was opened in one more partition.
    mutating func add(_ scope: LaneScope) {
        if counts[scope] == nil {
            scopes.append(scope)
            if scope.key != nil { countKey(of: scope.tenant, 1) }
        }
        counts[scope, default: 0] += 1
    }

    /// It was closed in one of its partitions.
    mutating func remove(_ scope: LaneScope) {
        guard let count = counts[scope] else { return }
        counts[scope] = count == 1 ? nil : count - 1
        guard count == 1 else { return }
        scopes.removeAll { $0 == scope }
        if scope.key != nil, blocked.remove(scope) == nil { countKey(of: scope.tenant, -1) }
    }

    /// - Returns: Whether that is something new of a lane that there is.
    mutating func block(_ scope: LaneScope, _ isBlocked: Bool) -> Bool {
        guard contains(scope), blocked.contains(scope) != isBlocked else { return false }
        if isBlocked { blocked.insert(scope) } else { blocked.remove(scope) }
        countKey(of: scope.tenant, isBlocked ? -1 : 1)
        return true
    }

    private mutating func countKey(of tenant: TenantID, _ sign: Int) {
        let left = keys[tenant, default: 0] + sign
        keys[tenant] = left == 0 ? nil : left
    }
}
