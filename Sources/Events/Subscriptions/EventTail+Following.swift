import Telemetry

// The tail's own work: it follows the log, and ends waits in time.
extension EventTail {
    private static let readerPageEvents = 1_000
    private static let readerPageBytes = 4 << 20

    /// Follows the log until it is cancelled.
    public func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.follow() }
            group.addTask { try await self.endWaits() }
            for try await _ in group {}
        }
    }

    private func endWaits() async throws {
        while true {
            try await time.sleep(for: configuration.tick)
            let now = time.now()
            let wakes = look { state in
                var wakes = Wakes()
                wakes.due = state.waiters.take(dueAt: now, head: state.ring.head)
                if state.readerDeadline <= now { wakes.reader = state.reader.take() }
                return wakes
            }
            wakes.resume()
        }
    }

    private func follow() async throws {
        var backOff = BackOff()
        while true {
            do {
                try await keepUp()
                backOff.reset()
                await waitForNews(until: time.now() + configuration.pollInterval)
                try Task.checkCancellation()
            } catch let error as CancellationError {
                throw error
            } catch {
                logger.warning(
                    "The tail cannot read the log", [.error: .init(String(describing: error))])
                try await time.sleep(for: backOff.next())
            }
        }
    }

    private func waitForNews(until deadline: Duration) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDue = look { state in
                    if Task.isCancelled || state.readerIsDue { return true }
                    state.reader = continuation
                    state.readerDeadline = deadline
                    return false
                }
                if isDue { continuation.resume() }
            }
        } onCancel: {
            look { $0.reader.take() }?.resume()
        }
    }

    /// Reads until nothing is known to be missing; asks the log once when nothing was.
    private func keepUp() async throws {
        if !look({ $0.ring.isFollowing }) { try await prime() }
        var mustAsk = true
        while true {
            var skipped = false
            let (upkeep, asked) = look { state in
                let floor = state.ring.floor
                let upkeep = state.ring.upkeep()
                skipped = state.ring.floor != floor
                return (upkeep, state.ring.known)
            }
            if skipped { lookAgain() }
            let after: Position
            switch upkeep {
            case .read(let position): after = position
            case .nothing where mustAsk: after = look { $0.ring.head }
            case .nothing: return
            }
            mustAsk = false
            do {
                let page = try await log.read(
                    after: after, filter: .everything, limit: Self.readerPageEvents,
                    maxBytes: Self.readerPageBytes)
                try change { ring throws(TailRing.OtherHistory) in
                    try ring.take(page, asked: asked)
                }
            } catch is TailRing.OtherHistory {
                try await followHistory()
            } catch let error as EventsError where error.code == .outOfRange {
                // Retention dropped what is missing here.
                try await prime()
            }
        }
    }

    /// Whoever waits does not know what was skipped.
    private func lookAgain() {
        look { Wakes(due: $0.waiters.takeAll()) }.resume()
    }

    private func prime() async throws {
        let bounds = try await log.bounds()
        learn { $0.prime(at: bounds) }
    }

    private func followHistory() async throws {
        let bounds = try await log.bounds()
        if learn({ $0.reached(bounds) }) == .stale { throw EventsError.otherHistory }
    }
}
