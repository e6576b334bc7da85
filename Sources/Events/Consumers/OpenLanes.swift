/// The lanes of all partitions that a node holds.
struct OpenLanes: Equatable {
    /// In how many partitions each of them is.
    private(set) var counts: [LaneScope: Int] = [:]
    /// In the order in which they were opened.
    private(set) var scopes: [LaneScope] = []
    /// How many are of single keys, by tenants.
    private(set) var keys: [TenantID: Int] = [:]

    var count: Int { scopes.count }
    var isEmpty: Bool { scopes.isEmpty }

    func contains(_ scope: LaneScope) -> Bool { counts[scope] != nil }

    /// It was opened in one more partition.
    mutating func add(_ scope: LaneScope) {
        if counts[scope] == nil {
            scopes.append(scope)
            if scope.key != nil { keys[scope.tenant, default: 0] += 1 }
        }
        counts[scope, default: 0] += 1
    }

    /// It was closed in one of its partitions.
    mutating func remove(_ scope: LaneScope) {
        guard let count = counts[scope] else { return }
        counts[scope] = count == 1 ? nil : count - 1
        guard count == 1 else { return }
        scopes.removeAll { $0 == scope }
        if scope.key != nil, let left = keys[scope.tenant] {
            keys[scope.tenant] = left == 1 ? nil : left - 1
        }
    }
}
