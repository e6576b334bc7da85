/// A member that is connected to this node.
struct ConsumerMember {
    var maxInFlight: Int
    /// Positions that lie ready for it.
    var ready = TurnLine<Position>()
    /// Handed out to it, or about to be, and not answered.
    var inFlight = 0
    /// Works on one event that took others down with it, and on nothing else.
    var alone: Position?
    /// Gets nothing but this, which must be alone, once it is done with what it has.
    var reserved: Position?
    /// Did not take what lay ready for it.
    var isStalled = false
    /// What it is at, by tenants.
    private var running: [TenantID: Int] = [:]
    /// It had events of more than one tenant.
    private(set) var isShared = false
    private var firstTenant: TenantID?

    init(maxInFlight: Int) {
        self.maxInFlight = maxInFlight
    }

    mutating func layReady(_ position: Position, of tenant: TenantID) {
        ready.append(position, of: tenant)
        if firstTenant == nil { firstTenant = tenant }
        if tenant != firstTenant { isShared = true }
    }

    /// Nothing lies ready any more.
    ///
    /// - Returns: What did.
    mutating func takeReady() -> [Position] {
        defer { ready = TurnLine() }
        return ready.waiting
    }

    mutating func count(_ tenant: TenantID, _ sign: Int) {
        let left = running[tenant, default: 0] + sign
        running[tenant] = left == 0 ? nil : left
    }

    /// The next to begin of what lies ready.
    ///
    /// - Parameter places: For runs at one time. Of many places one tenant never has all, so that
    ///   what it hangs in leaves some to others; nil: there is no such limit.
    mutating func begin(places: Int?) -> Position? {
        guard isShared, let places, places >= Self.manyPlaces else { return ready.popFirst() }
        let share = places - max(1, places / 8)
        return ready.popFirst { running[$0, default: 0] < share }
    }

    private static let manyPlaces = 4

    var credit: Int {
        alone == nil && reserved == nil && !isStalled ? max(0, maxInFlight - inFlight) : 0
    }
}
