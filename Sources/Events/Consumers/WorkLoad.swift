/// How much a consumer's work on one node weighs, and whose it is.
struct WorkLoad: Equatable {
    /// Work that waits for its turn or is with a member.
    private(set) var active = 0
    /// Work that waits for long.
    private(set) var parked = 0
    /// Of all events.
    private(set) var bytes = 0
    /// And of each tenant's.
    private(set) var tenantBytes: [TenantID: Int] = [:]
    /// Of the active work.
    private(set) var tenants: [TenantID: Int] = [:]
    /// Of the work that waits for long.
    private(set) var parkedTenants: [TenantID: Int] = [:]
    /// Of the active work, dead letters that are tried again.
    private(set) var revived = 0
    /// Of the work that waits for long.
    private(set) var revivedParked = 0
    /// Of both.
    private(set) var revivedBytes = 0

    /// Of the active work one tenant has more than all others.
    var isMostlyOneTenants: Bool { (tenants.values.max() ?? 0) > active / 2 }

    mutating func count(_ item: WorkItem, _ sign: Int) {
        if item.event != nil {
            bytes += sign * item.bytes
            Self.count(item.key.tenant, sign * item.bytes, in: &tenantBytes)
            if item.isRevived { countRevived(item, sign) }
        }
        if item.isParked {
            parked += sign
            Self.count(item.key.tenant, sign, in: &parkedTenants)
        } else {
            active += sign
            Self.count(item.key.tenant, sign, in: &tenants)
        }
    }

    private mutating func countRevived(_ item: WorkItem, _ sign: Int) {
        revivedBytes += sign * item.bytes
        if item.isParked { revivedParked += sign } else { revived += sign }
    }

    private static func count(_ tenant: TenantID, _ more: Int, in tenants: inout [TenantID: Int]) {
        let left = tenants[tenant, default: 0] + more
        tenants[tenant] = left == 0 ? nil : left
    }
}
