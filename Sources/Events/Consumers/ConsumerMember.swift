/// A member that is connected to this node.
struct ConsumerMember {
    var maxInFlight: Int
    /// Positions that lie ready for it.
    var ready: [Position] = []
    /// Handed out to it, or about to be, and not answered.
    var inFlight = 0
    /// Works on one event that took others down with it, and on nothing else.
    var alone: Position?
    /// Gets nothing but this, which must be alone, once it is done with what it has.
    var reserved: Position?
    /// Did not take what lay ready for it.
    var isStalled = false

    init(maxInFlight: Int) {
        self.maxInFlight = maxInFlight
    }

    var credit: Int {
        alone == nil && reserved == nil && !isStalled ? max(0, maxInFlight - inFlight) : 0
    }
}
