/// Calls that wait for a connection, in order. A call knows its place, so that one which gives up
/// costs no search.
struct WaitingCalls {
    private var calls: ContiguousArray<OutgoingCall?> = []
    /// Before it all are gone.
    private var start = 0
    private(set) var count = 0
    /// Not worth closing gaps for.
    static let fewPlaces = 64

    var places: Int { calls.count }
    var isEmpty: Bool { count == 0 }

    mutating func append(_ call: OutgoingCall) {
        guard call.waitingPlace == nil else { return }
        call.waitingPlace = calls.count
        calls.append(call)
        count += 1
    }

    mutating func remove(_ call: OutgoingCall) {
        guard let place = call.waitingPlace else { return }
        take(call, place)
        closeGaps()
    }

    mutating func popFirst() -> OutgoingCall? {
        while start < calls.count {
            let place = start
            start += 1
            if let call = calls[place] {
                take(call, place)
                closeGaps()
                return call
            }
        }
        return nil
    }

    /// Takes out everybody.
    mutating func takeAll() -> [OutgoingCall] {
        let all = calls.compactMap { $0 }
        for call in all { call.waitingPlace = nil }
        self = WaitingCalls()
        return all
    }

    private mutating func take(_ call: OutgoingCall, _ place: Int) {
        call.waitingPlace = nil
        calls[place] = nil
        count -= 1
    }

    /// So that the places in use are half of all or more; costs each call one move, on average.
    private mutating func closeGaps() {
        guard calls.count > Self.fewPlaces, count < calls.count / 2 else { return }
        calls.removeAll { $0 == nil }
        start = 0
        for (place, call) in calls.enumerated() { call?.waitingPlace = place }
    }
}
