import Telemetry

/// Runs one handler from its durable cursor, on this node while it holds the handler's lease.
struct HandlerRunner: Sendable {
    let entry: HandlerRegistry.Entry
    let books: any HandlerBooks
    let subscriptions: Subscriptions
    let leases: LeaseKeeper
    let executor: HandlerExecutor
    let counts: HandlerCounts
    let node: String
    let time: Timekeeper
    let logger: Logger

    private var name: String { entry.traits.name }

    /// Returns when the node drains; otherwise goes on until it is cancelled.
    func run() async throws {
        var backOff = BackOff()
        while true {
            do {
                try await leases.withLease(
                    entry.traits.consumer, unless: { subscriptions.isDraining },
                    { lease in try await work(under: lease) })
                if subscriptions.isDraining { return }
            } catch let error as CancellationError {
                throw error
            } catch let error as EventsError where error.reason == .draining {
                return
            } catch is LeaseKeeper.LeaseLost {
                backOff.reset()
            } catch {
                logger.warning(
                    "Handler interrupted",
                    [.handler: .init(name), .error: .init(String(describing: error))])
            }
            try await time.sleep(for: backOff.next())
        }
    }

    private func work(under lease: Lease) async throws {
        let position = try await books.claim(name, fence: lease.fence)
        logger.info(
            "Handler starts",
            [.handler: .init(name), .position: .init(position), .fence: .init(lease.fence)])
        let request = SubscriptionRequest(
            filter: EventFilter(types: entry.traits.types, tenants: .all),
            start: .after(position), heartbeat: .seconds(1))
        var subscription = try await subscriptions.open(request)
        var journal = WorkJournal(
            handler: name, fence: lease.fence, node: node, position: position)
        while let item = try await subscription.next() {
            switch item {
            case .deliveries(let events):
                for event in events {
                    journal.begin(now: time.now())
                    let run = try await executor.run(event, attempt: 1)
                    if journal.add(run, now: time.now()) { try await commit(&journal) }
                    // What is left of the batch belongs to the next holder.
                    if subscriptions.isDraining { return try await commit(&journal) }
                }
                try await commit(&journal)
                if let moment = journal.nextLook(after: events.count), moment > time.now() {
                    try await time.sleep(moment)
                }
            case .checkpoint(let position), .caughtUp(let position):
                journal.passed(position)
                try await commit(&journal)
            }
        }
    }

    private func commit(_ journal: inout WorkJournal) async throws {
        guard let work = journal.pending else { return }
        do {
            try await commit(work)
        } catch BooksError.changeRefused {
            try await commitEachAlone(work)
        }
        journal.committed()
    }

    /// One event's change breaks a rule of the projection's table: that event fails, the others
    /// count.
    private func commitEachAlone(_ work: HandlerWork) async throws {
        var from = work.from
        for (index, run) in work.runs.enumerated() {
            let isLast = index == work.runs.count - 1
            var single = HandlerWork(
                handler: work.handler, fence: work.fence, node: work.node, from: from,
                through: isLast ? work.through : run.event.position, runs: [run])
            do {
                try await commit(single)
            } catch BooksError.changeRefused {
                let failure = executor.report(
                    .changeRefused, run.event, "the store refused the projection's change")
                single.runs = [run.failing(failure)]
                try await commit(single)
            }
            from = single.through
        }
    }

    /// Tries again while the store is away: the work is done, and would be repeated otherwise.
    /// Losing the lease cancels this.
    private func commit(_ work: HandlerWork) async throws {
        var backOff = BackOff()
        while true {
            do {
                try await books.commit(work)
                counts.add(work.runs)
                return
            } catch let error as EventsError where error.code == .unavailable {
                logger.warning(
                    "A handler's progress waits for the store", [.handler: .init(name)])
                try await time.sleep(for: backOff.next())
            }
        }
    }
}
