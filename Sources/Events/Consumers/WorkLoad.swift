/// How much a consumer's work on one node weighs, and whose it is.
struct WorkLoad: Equatable {
    /// Work that waits for its turn or is with a member.
    private(set) var active = 0
    /// Work that waits for long.
    private(set) var parked = 0
    /// Of all events.
    private(set) var bytes = 0
    /// Of the active work.
    private(set) var tenants: [TenantID: Int] = [:]

    mutating func count(_ item: WorkItem, _ sign: Int) {
        if item.event != nil { bytes += sign * item.bytes }
        if item.isParked {
            parked += sign
        } else {
            active += sign
            let left = tenants[item.key.tenant, default: 0] + sign
            tenants[item.key.tenant] = left == 0 ? nil : left
        }
    }
}
