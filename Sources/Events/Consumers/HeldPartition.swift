/// A partition that this node holds.
struct HeldPartition {
    let fence: Int64
    /// Of the last batch that the store answered.
    var serial: Int64
    /// All up to here was taken up, finished, or left to a lane.
    var cursor: Position
    /// As the store has it.
    var storedCursor: Position
    /// How far each lane was read.
    var lanes: [LaneScope: Position] = [:]
    /// To be given to another as soon as nobody is at work in it.
    var isLeaving = false
    /// The batch under way gives it back: nothing more can be said of it here.
    var isBeingReleased = false
    /// Pieces of work that members have.
    var busy = 0

    init(_ taken: TakenPartition) {
        fence = taken.fence
        serial = taken.serial
        cursor = taken.cursor
        storedCursor = taken.cursor
        for lane in taken.lanes { lanes[lane.scope] = lane.position }
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
