/// The events of which order is kept.
struct WorkKey: Hashable, Sendable {
    let tenant: TenantID
    /// Compared by bytes.
    let key: String

    static func == (one: WorkKey, other: WorkKey) -> Bool {
        one.tenant == other.tenant && one.key.isSpelled(as: other.key)
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(tenant)
        key.hashSpelling(into: &hasher)
    }
}

/// An event that was taken up and is not finished, as its holder knows it.
struct WorkItem {
    enum State: Equatable {
        /// For its turn; not before a moment, if there is one.
        case waiting(until: Duration?)
        /// Another node left a remark, which decides.
        case remarked
        /// Handed to a member as soon as the store has it.
        case storing(member: Int)
        case handedOut(HandOut)
        /// Its last attempt's member left; it may be answered still, up to a moment.
        case orphaned(until: Duration)
        /// A dead letter that holds its key.
        case held
    }

    struct HandOut: Equatable {
        let member: Int
        /// Nil: none but its member's life.
        var deadline: Duration?
        /// When the member took it; nil while it lies ready, or waits for the one before it.
        var taken: Taken?
        /// The member may take it.
        var isReady = false
    }

    struct Taken: Equatable {
        let at: Duration
        let wall: Timestamp
    }

    let position: Position
    let partition: Int
    let key: WorkKey
    let bytes: Int
    /// Nil while it is held.
    var event: RecordedEvent?
    var state: State
    var attempt = 0
    var lost = 0
    var ticket: Int32 = 0
    /// Of the last hand-out.
    var fence: Int64 = 0
    var isRevived = false
    /// As ``HandlerFailure/revival``.
    var revival: Int64 = 0
    /// Of the last hand-out that was taken, until it was answered.
    var taken: Taken?
    /// The store has a row of it, or will with the next batch.
    var isWritten = true
    /// The first of its key waits for long, and nothing of the key is with a member.
    var isBlocked = false

    /// - Parameter isOrdered: Within its partition key; else it is a key of its own.
    init(_ event: RecordedEvent, isOrdered: Bool = true) {
        position = event.position
        partition = event.partition
        key = WorkKey(
            tenant: event.tenant,
            key: isOrdered ? event.partitionKey : String(event.position.rawValue))
        bytes = event.footprint
        self.event = event
        state = .waiting(until: nil)
    }

    /// As another holder left it.
    init(_ event: RecordedEvent, _ stored: StoredWork, isOrdered: Bool = true) {
        self.init(event, isOrdered: isOrdered)
        attempt = stored.attempt
        lost = stored.lost
        ticket = stored.ticket
        fence = stored.fence
        isRevived = stored.isRevived
        revival = stored.revival
    }

    /// With a member that has not begun with it.
    var isUntouched: Bool {
        switch state {
        case .storing: true
        case .handedOut(let handOut): handOut.taken == nil
        case .waiting, .remarked, .orphaned, .held: false
        }
    }

    /// Its ticket was handed out, and who has it may still answer: also late, until it is handed out
    /// again.
    var isAnswerable: Bool {
        switch state {
        case .handedOut, .orphaned: true
        case .waiting, .remarked: taken != nil
        case .storing, .held: false
        }
    }

    /// Nothing happened to it that its position, and its partition's mark, do not tell.
    var isFresh: Bool {
        switch state {
        case .waiting(until: nil): attempt == 0 && !isRevived
        case .storing, .handedOut: attempt == 1 && lost == 0 && !isRevived
        case .waiting, .remarked, .orphaned, .held: false
        }
    }

    /// Keeps its key from being handed out, and its partition from being moved.
    var isBusy: Bool {
        switch state {
        case .storing, .handedOut, .orphaned: true
        case .waiting, .remarked, .held: false
        }
    }

    /// Waits for something that may take long, itself or behind the first of its key, and so counts
    /// for nobody's share.
    var isParked: Bool { isBlocked || waitsLong }

    /// Waits itself for something that may take long.
    var waitsLong: Bool {
        switch state {
        case .held, .remarked: true
        case .waiting(let until): until != nil
        case .storing, .handedOut, .orphaned: false
        }
    }

    /// When time changes its state.
    var due: Duration? {
        switch state {
        case .waiting(let until): until
        case .handedOut(let handOut): handOut.deadline
        case .orphaned(let until): until
        case .remarked, .storing, .held: nil
        }
    }

    func stored(now: Duration) -> StoredWork {
        var delay = Duration.zero
        let stored: StoredWork.State
        switch state {
        case .waiting(let until):
            stored = .waiting
            if let until, until > now { delay = until - now }
        case .remarked: stored = .waiting
        case .storing, .handedOut, .orphaned: stored = .handedOut
        case .held: stored = .held
        }
        return StoredWork(
            position: position, state: stored, attempt: attempt, lost: lost, ticket: ticket,
            fence: fence, delay: delay, isRevived: isRevived, revival: revival)
    }
}
