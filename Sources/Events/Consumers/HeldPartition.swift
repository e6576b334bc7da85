/// A partition that this node holds.
struct HeldPartition {
    let fence: Int64
    /// Of the last batch that the store answered.
    var serial: Int64
    /// All up to here was taken up, finished, or left to a lane.
    var cursor: Position
    /// As the store has it.
    var storedCursor: Position
    /// What a former holder may have begun of all that has no row: beyond one position, up to another.
    private let begunBefore: (after: Position, through: Position)
    /// Taken up, and without a row in the store; those that are over may be among them. Rising.
    var unwritten: [Position] = []
    /// Of those that had no row, the last that is over or is to get one: the cursor must go past it.
    var overWithoutRow: Position = .zero
    /// How far each lane was read.
    var lanes: [LaneScope: Position] = [:]
    /// To be given to another as soon as nobody is at work in it.
    private(set) var isLeaving = false
    /// Since when it is to leave while members are at work in it.
    private(set) var leavingSince: Duration?
    /// It was to leave in vain: it stays until then.
    private var staysUntil: Duration = .zero
    /// The batch under way gives it back: nothing more can be said of it here.
    var isBeingReleased = false
    /// Pieces of work that members have.
    var busy = 0

    init(_ taken: TakenPartition) {
        fence = taken.fence
        serial = taken.serial
        cursor = taken.cursor
        storedCursor = taken.cursor
        begunBefore = (taken.cursor, max(taken.cursor, taken.begun))
        for lane in taken.lanes { lanes[lane.scope] = lane.position }
    }

    /// - Parameter now: Nil when the whole node goes.
    mutating func leave(now: Duration?) {
        if let now, now < staysUntil { return }
        isLeaving = true
        leavingSince = now
    }

    mutating func stay(until moment: Duration) {
        isLeaving = false
        leavingSince = nil
        staysUntil = moment
    }

    /// Whether a former holder may have begun with an event that has no row.
    func mayBeBegun(_ position: Position) -> Bool {
        position > begunBefore.after && position <= begunBefore.through
    }

    /// Up to where it may be so with what was not taken up since.
    var stillBegun: Position { cursor < begunBefore.through ? begunBefore.through : .zero }

    /// The next batch must move the cursor past a position.
    mutating func goPast(_ position: Position) {
        overWithoutRow = max(overWithoutRow, position)
    }

    /// Up to where a lane reads: the lane around it, or the partition, reads on from there.
    func limit(of scope: LaneScope) -> Position {
        guard scope.key != nil else { return cursor }
        return lanes[LaneScope(tenant: scope.tenant, key: nil)] ?? cursor
    }

    /// Whether a lane reads this event, or will.
    func leavesToLane(_ key: WorkKey) -> Bool {
        !lanes.isEmpty
            && (lanes[LaneScope(tenant: key.tenant, key: nil)] != nil
                || lanes[LaneScope(tenant: key.tenant, key: key.key)] != nil)
    }
}
