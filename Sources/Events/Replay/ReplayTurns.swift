/// Which replays a node runs. Tenants take turns, and so do the replays of each.
struct ReplayTurns {
    /// Side by side.
    static let maxRunning = 4
    /// What has run for so long gives way to others.
    static let length: Duration = .seconds(10)

    private struct Running {
        let tenant: TenantID
        let since: Duration
        var isEnding = false
    }

    private var running: [EventID: Running] = [:]
    /// Of those that run or wait: number of the last turn, from 1.
    private var lastOfTenant: [TenantID: Int] = [:]
    private var lastOfReplay: [EventID: Int] = [:]
    private var turn = 0

    var hasRoom: Bool { running.count < Self.maxRunning }

    /// Fills the room there is: first comes the tenant with the fewest that run here, then the one
    /// whose last turn is the longest ago, and of its replays likewise.
    ///
    /// - Parameter waiting: What can be run; of equals the first is taken. May hold what runs.
    mutating func begin(_ waiting: [WaitingReplay], now: Duration) -> [EventID] {
        forgetOthers(than: waiting)
        var rest = waiting.filter { running[$0.id] == nil }
        var begun: [EventID] = []
        while hasRoom, let next = takeFirst(of: &rest) {
            begin(next, now)
            begun.append(next.id)
        }
        return begun
    }

    mutating func end(_ id: EventID) {
        running[id] = nil
    }

    /// - Returns: What is to end now: its turn is over, and something that waits comes before it.
    mutating func giveWay(to waiting: [WaitingReplay], now: Duration) -> [EventID] {
        var after = self
        after.running = running.filter { !$0.value.isEnding }
        var rest = waiting.filter { running[$0.id] == nil }
        while after.hasRoom, let next = after.takeFirst(of: &rest) { after.begin(next, now) }
        var ended: [EventID] = []
        for replay in after.overdue(now) {
            after.end(replay.id)
            guard let next = after.first(of: rest), after.rank(rest[next]) < after.rank(replay)
            else {
                after.running[replay.id] = running[replay.id]
                continue
            }
            after.begin(rest.remove(at: next), now)
            running[replay.id]?.isEnding = true
            ended.append(replay.id)
        }
        return ended
    }

    /// Those whose turn is over, the earliest first.
    private func overdue(_ now: Duration) -> [WaitingReplay] {
        running.filter { now - $0.value.since >= Self.length }
            .map { WaitingReplay(id: $0.key, tenant: $0.value.tenant) }
            .sorted { lastOfReplay[$0.id] ?? 0 < lastOfReplay[$1.id] ?? 0 }
    }

    private mutating func begin(_ replay: WaitingReplay, _ now: Duration) {
        turn += 1
        running[replay.id] = Running(tenant: replay.tenant, since: now)
        lastOfTenant[replay.tenant] = turn
        lastOfReplay[replay.id] = turn
    }

    private func takeFirst(of waiting: inout [WaitingReplay]) -> WaitingReplay? {
        first(of: waiting).map { waiting.remove(at: $0) }
    }

    private func first(of waiting: [WaitingReplay]) -> Int? {
        waiting.indices.min { rank(waiting[$0]) < rank(waiting[$1]) }
    }

    private func rank(_ replay: WaitingReplay) -> (Int, Int, Int) {
        (
            running.values.count { $0.tenant == replay.tenant },
            lastOfTenant[replay.tenant] ?? 0, lastOfReplay[replay.id] ?? 0
        )
    }

    private mutating func forgetOthers(than waiting: [WaitingReplay]) {
        let ids = Set(waiting.map(\.id)).union(running.keys)
        let tenants = Set(waiting.map(\.tenant)).union(running.values.map(\.tenant))
        lastOfReplay = lastOfReplay.filter { ids.contains($0.key) }
        lastOfTenant = lastOfTenant.filter { tenants.contains($0.key) }
    }
}
