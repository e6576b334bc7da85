/// A channel's calls by number: a slot and a generation, so that finding one costs no hashing and a
/// number is never used twice.
struct CallTable {
    private var slots: ContiguousArray<OutgoingCall?> = []
    private var free: ContiguousArray<UInt32> = []
    private var generation: UInt32 = 0
    private(set) var count = 0

    /// - Returns: Its number, never 0.
    mutating func insert(_ call: OutgoingCall) -> UInt64 {
        generation &+= 1
        if generation == 0 { generation = 1 }
        count += 1
        let slot: UInt32
        if let unused = free.popLast() {
            slot = unused
            slots[Int(slot)] = call
        } else {
            slot = UInt32(slots.count)
            slots.append(call)
        }
        return UInt64(generation) << 32 | UInt64(slot)
    }

    subscript(id: UInt64) -> OutgoingCall? {
        let slot = Int(UInt32(truncatingIfNeeded: id))
        guard slot < slots.count, let call = slots[slot], call.id == id else { return nil }
        return call
    }

    mutating func remove(_ id: UInt64) {
        guard self[id] != nil else { return }
        let slot = UInt32(truncatingIfNeeded: id)
        slots[Int(slot)] = nil
        free.append(slot)
        count -= 1
    }

    var all: [OutgoingCall] { slots.compactMap { $0 } }
}
