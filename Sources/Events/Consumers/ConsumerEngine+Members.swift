import Telemetry

// Members and their answers.
extension ConsumerEngine {
    /// - Parameter head: What was in the log when the member came, for one that ends there.
    func join(_ request: MembershipRequest) throws -> Int {
        if let end { throw end }
        guard !machine.isDraining else { throw Self.draining }
        nextMember += 1
        let limits = MembershipRequest.maxInFlightRange
        machine.join(
            nextMember,
            maxInFlight: min(max(request.maxInFlight, limits.lowerBound), limits.upperBound))
        signals[nextMember] = Signal()
        emptySince = nil
        isSettled = false
        wakeUp()
        return nextMember
    }

    func leave(_ member: Int) {
        machine.leave(member, now: time.now())
        signals[member] = nil
        wakeTimes[member] = nil
        workers[member] = nil
        if machine.members.isEmpty { emptySince = time.now() }
        wakeUp()
    }

    /// Ends a group's engine that has had no members for long, once nothing of what they were handed
    /// is left to be answered: each costs ticks and surveys.
    func endIfIdle() {
        guard !definition.rules.isLocal, let emptySince, time.now() - emptySince >= Self.idleTime,
            !isTaking, machine.partitions.allSatisfy({ ($0?.busy ?? 0) == 0 })
        else { return }
        drain(grace: .zero)
    }

    private static let idleTime: Duration = .seconds(30)

    /// That want a share of the partitions.
    var memberCount: Int { machine.isDraining ? 0 : machine.members.count }

    static let draining = EventsError.unavailable(
        .draining, "This node is stopping.", retryAfter: .milliseconds(100))

    /// Waits for a member's next item.
    ///
    /// - Parameters:
    ///   - heartbeat: A checkpoint comes after so long at most.
    ///   - endsAt: It ends when nothing up to there is left to be handed out; nil: never.
    func next(
        _ member: Int, _ request: MembershipRequest, heartbeat: Duration, endsAt: Position?
    ) async throws -> GroupItem? {
        let patience = time.now() + heartbeat
        // A member that ends looks at each tick, since nothing tells it that the rest is done.
        wakeTimes[member] = endsAt == nil ? patience : .zero
        while true {
            try Task.checkCancellation()
            if let end { throw end }
            guard !machine.isDraining else { throw Self.draining }
            let now = time.now()
            let items = machine.pull(
                member, limit: request.maxBatchEvents, maxBytes: request.maxBatchBytes, now: now,
                wall: Timestamp(environment.wallClock.now()))
            if !items.isEmpty { return .deliveries(items.compactMap(delivery)) }
            if let endsAt, isSettled, heard == told, machine.isCaughtUp(through: endsAt) {
                return nil
            }
            if now >= patience, let position = position(now: now) { return .checkpoint(position) }
            guard let signal = signals[member] else { throw CancellationError() }
            await signal.wait()
        }
    }

    /// All work is looked at for it: of many checkpoints, once for those that come together.
    private func position(now: Duration) -> Position? {
        if let checkpoint, now - checkpoint.at < Self.tick { return checkpoint.position }
        let position = machine.position
        checkpoint = (now, position)
        return position
    }

    private func delivery(_ item: WorkItem) -> GroupDelivery? {
        guard let event = item.event else { return nil }
        return GroupDelivery(
            event: event, deliveryID: event.deliveryID(to: definition.title),
            attempt: item.attempt, token: token(of: item))
    }

    func token(of item: WorkItem) -> AckToken {
        AckToken(
            consumer: definition.consumer, partition: item.partition, fence: item.fence,
            position: item.position, ticket: item.ticket)
    }

    /// Takes answers; returns once they are stored.
    ///
    /// - Returns: What became of each; `.elsewhere` for those that somebody else must take.
    func acknowledge(
        _ answers: [TokenAnswer]
    ) async -> [ConsumerStateMachine.Settlement] {
        let now = time.now()
        var settlements = answers.map { answer in
            end == nil ? machine.settle(answer.token, answer.verdict, now: now) : .elsewhere
        }
        guard settlements.contains(.pending) else { return settlements }
        let stored = await withCheckedContinuation { continuation in
            ackWaiters.append(AckWaiter(answers: answers, continuation: continuation))
            wakeUp()
        }
        for index in answers.indices where settlements[index] == .pending {
            settlements[index] = stored.contains(answers[index].token.position) ? .done : .elsewhere
        }
        return settlements
    }

    // MARK: Where partitions are

    /// What the store answered of each partition that is held here; nil for the others.
    var marks: [PartitionMark?] {
        machine.partitions.map { partition in
            partition.map { PartitionMark(fence: $0.fence, serial: $0.serial) }
        }
    }

    /// Gives away and takes; what other nodes said is heard when there is time for it.
    ///
    /// - Parameter known: ``marks`` from before the survey was made.
    /// - Throws: ``EventsError``, `CancellationError`.
    func heed(_ survey: ConsumerSurvey, known: [PartitionMark?]) async throws {
        guard let version = survey.version else { return finish(definition.gone) }
        if version != definition.version {
            guard let changed = try await definition.refreshed() else {
                return finish(definition.gone)
            }
            change(to: changed)
        }
        let node = environment.node
        // A reset freed them, another node took them for dead, or the store lost what it had
        // answered: no batch need come that would be refused.
        let lost = machine.held.filter {
            machine.partitions[$0]?.isBeingReleased == false
                && (survey.holders[$0] != node || survey.isBehind(known[$0], in: $0))
        }
        for index in lost { machine.drop(index) }
        if !lost.isEmpty { abandonRuns() }
        metrics.lost(lost.count)
        let wanted = PartitionBalance(holders: survey.holders, weights: survey.members)
            .assign(survey.holders)
        let leaving = machine.held.filter { wanted[$0] != nil && wanted[$0] != node }
        if !leaving.isEmpty {
            machine.giveAway(leaving, now: time.now())
            wakeUp()
        }
        let staying = machine.held.filter {
            wanted[$0] == node && machine.partitions[$0]?.isLeaving == true
        }
        if !staying.isEmpty {
            machine.keep(staying, until: .zero)
            wakeUp()
        }
        if !machine.isDraining {
            let missing = wanted.indices.filter { index in
                guard machine.partitions[index] == nil else { return false }
                if wanted[index] == node, survey.holders[index] ?? node == node { return true }
                // What was dropped here is this node's until it gives it back: whoever should have
                // it waits for that.
                return survey.holders[index] == node && known[index] == nil
            }
            if !missing.isEmpty { try await take(missing) }
        }
        if survey.hasRemarks {
            told += 1
            hearing.raise()
        }
        isSettled =
            !survey.holders.contains(nil)
            && wanted.indices.allSatisfy { wanted[$0] != node || machine.partitions[$0] != nil }
    }

    private func take(_ partitions: [Int]) async throws {
        isTaking = true
        defer {
            isTaking = false
            wakeUp()
        }
        let taken = try await environment.books.take(
            partitions, of: definition.consumer, version: definition.version,
            node: environment.node)
        guard !taken.isEmpty else { return }
        let left = try await items(of: taken.flatMap(\.work))
        for partition in taken where machine.partitions[partition.partition] == nil {
            machine.granted(
                partition, left, now: time.now(),
                wall: Timestamp(environment.wallClock.now()))
        }
        environment.logger.info(
            "Partitions of a consumer were taken", [.consumer: name, .count: .init(taken.count)])
    }
}

extension ConsumerSurvey {
    /// Whether the store's books are not those, or later ones, that it told of before.
    fileprivate func isBehind(_ known: PartitionMark?, in partition: Int) -> Bool {
        guard let known else { return false }
        return marks[partition].fence != known.fence || marks[partition].serial < known.serial
    }
}
