/// Which requests go together in one call, as decisions: it calls nobody.
///
/// Each group (a tenant) has one call under way at most. What comes meanwhile waits, and goes with the
/// next call, in the order in which it came. Of one lane (a conversation) a call takes one request
/// only, so a lane's requests go one after the other.
struct GatheringState {
    typealias Ticket = UInt64

    struct Limits: Sendable, Hashable {
        /// Requests of one call.
        var maxRequests = 16
        /// Bytes of them, but for a request that is larger on its own.
        var maxBytes = 2 << 20
        /// Requests that wait, over all groups.
        var maxWaiting = 4_096
    }

    struct Request: Equatable {
        let ticket: Ticket
        let group: String
        /// Nil: may go with any other.
        let lane: String?
        let bytes: Int
    }

    /// Requests that go in one call, which the first one's task makes for all.
    struct Batch: Equatable {
        let group: String
        let tickets: [Ticket]

        var leader: Ticket { tickets[0] }
    }

    enum Entry: Equatable {
        /// Make this call.
        case lead(Batch)
        /// Somebody will give it an answer, or a call to make.
        case wait
        /// Too many wait.
        case full
    }

    private struct Group {
        var waiting: [Request] = []
        /// What is under way, in case it must go again.
        var underWay: [Request] = []
    }

    private let limits: Limits
    private var groups: [String: Group] = [:]
    private var groupOfWaiting: [Ticket: String] = [:]

    init(_ limits: Limits) { self.limits = limits }

    var isIdle: Bool { groups.isEmpty }

    mutating func enter(_ request: Request) -> Entry {
        guard groups[request.group] != nil else {
            groups[request.group] = Group(underWay: [request])
            return .lead(Batch(group: request.group, tickets: [request.ticket]))
        }
        guard groupOfWaiting.count < limits.maxWaiting else { return .full }
        groups[request.group]?.waiting.append(request)
        groupOfWaiting[request.ticket] = request.group
        return .wait
    }

    /// A request is given up. One that is in a call stays in it, and its answer is for nobody.
    mutating func leave(_ ticket: Ticket) {
        guard let group = groupOfWaiting.removeValue(forKey: ticket) else { return }
        groups[group]?.waiting.removeAll { $0.ticket == ticket }
    }

    /// A call has ended.
    ///
    /// - Parameter again: Those of its requests that had no answer and still want one: they go before
    ///   all others.
    /// - Returns: The next call.
    mutating func ended(_ batch: Batch, again: Set<Ticket> = []) -> Batch? {
        guard var group = groups[batch.group] else { return nil }
        let returning = group.underWay.filter { again.contains($0.ticket) }
        for request in returning { groupOfWaiting[request.ticket] = request.group }
        group.waiting = returning + group.waiting
        group.underWay = take(from: &group.waiting)
        guard !group.underWay.isEmpty else {
            groups[batch.group] = nil
            return nil
        }
        groups[batch.group] = group
        let tickets = group.underWay.map(\.ticket)
        for ticket in tickets { groupOfWaiting[ticket] = nil }
        return Batch(group: batch.group, tickets: tickets)
    }

    private func take(from waiting: inout [Request]) -> [Request] {
        var taken: [Request] = []
        var left: [Request] = []
        var lanes: Set<String> = []
        var bytes = 0
        var isFull = false
        for request in waiting {
            isFull =
                isFull || taken.count == limits.maxRequests
                || (!taken.isEmpty && bytes + request.bytes > limits.maxBytes)
            let isBehind = request.lane.map { !lanes.insert($0).inserted } ?? false
            if isFull || isBehind {
                left.append(request)
            } else {
                taken.append(request)
                bytes += request.bytes
            }
        }
        waiting = left
        return taken
    }
}
