public import Telemetry

/// The rules of publishing: checks and completes drafts, stores them, says what became of each.
public struct Publisher: Sendable {
    private let log: any EventLog
    private let catalogue: any SchemaCatalogue
    private let clock: any WallClock
    private let limits: PublishLimits

    public init(
        log: any EventLog, catalogue: any SchemaCatalogue,
        clock: any WallClock = SystemWallClock(), limits: PublishLimits = PublishLimits()
    ) {
        self.log = log
        self.catalogue = catalogue
        self.clock = clock
        self.limits = limits
    }

    /// Publishes the events of one request. Returns once they are durable.
    ///
    /// - Returns: One outcome an event, in their order; with `allowPartial` some may be rejected.
    /// - Throws: ``EventsError`` for the request as a whole, then nothing is stored.
    public func publish(
        _ command: PublishCommand, context: PublishContext
    ) async throws -> [PublishOutcome] {
        try await store(check(command, context: context))
    }

    /// What ``check(_:context:)`` looks at first, for who has the work of drafts still before it.
    public func admit(eventCount: Int) throws(EventsError) {
        guard (1...limits.maxEvents).contains(eventCount) else {
            throw .invalid("events", "must be 1 to \(limits.maxEvents), not \(eventCount)")
        }
    }

    /// A request that passed every check.
    public struct Checked: Sendable {
        fileprivate let append: AppendRequest
        /// One element an event of the request, what is nil is stored; empty when all are.
        fileprivate let rejected: [PublishOutcome?]
    }

    /// The first half of a publish: what can be said of it by itself.
    ///
    /// - Throws: As ``publish(_:context:)``.
    public func check(
        _ command: PublishCommand, context: PublishContext
    ) throws(EventsError) -> Checked {
        try checkRequest(command)
        let checker = EventChecker(
            catalogue: catalogue, limits: limits, context: context, now: Timestamp(clock.now()))
        return command.allowPartial
            ? keepRight(command.events, checker) : try checkAll(command, checker)
    }

    /// Gets the log ready for a request that is to be stored in its turn among others: what is new to
    /// the log does not hold it up then.
    ///
    /// - Throws: As ``publish(_:context:)``.
    public func introduce(_ checked: Checked) async throws {
        try await log.introduce(checked.append.events)
    }

    /// The second half. Requests that were introduced are stored in the order of these calls.
    ///
    /// - Throws: As ``publish(_:context:)``.
    public func store(_ checked: Checked) async throws -> [PublishOutcome] {
        let events = checked.append.events
        let outcomes = events.isEmpty ? [] : try await log.append(checked.append)
        if checked.rejected.isEmpty {
            return zip(events, outcomes).map {
                PublishOutcome(eventID: $0.id.description, outcome: $1)
            }
        }
        var stored = zip(events, outcomes).makeIterator()
        return checked.rejected.compactMap { rejected in
            if let rejected { return rejected }
            return stored.next().map {
                PublishOutcome(eventID: $0.0.id.description, outcome: $0.1)
            }
        }
    }

    private func checkAll(
        _ command: PublishCommand, _ checker: EventChecker
    ) throws(EventsError) -> Checked {
        var events: [NewEvent] = []
        events.reserveCapacity(command.events.count)
        var faults: [FieldViolation] = []
        // In place: a copy of a draft is one of each of its texts.
        let drafts = command.events.span
        for index in drafts.indices {
            do {
                events.append(try checker.check(drafts[index], path: .event(index)))
            } catch {
                guard error.code == .invalidArgument else { throw error }
                faults += error.violations
                if faults.count >= EventsError.maxViolations { break }
            }
        }
        guard faults.isEmpty else { throw .invalid(faults) }
        let precondition = try subjectPrecondition(command.precondition, events)
        return Checked(
            append: AppendRequest(
                events: events, precondition: precondition,
                account: checker.context.caller.tenant, deadline: checker.context.deadline),
            rejected: [])
    }

    private func keepRight(_ drafts: [EventDraft], _ checker: EventChecker) -> Checked {
        var rejected: [PublishOutcome?] = []
        var events: [NewEvent] = []
        for (index, draft) in drafts.enumerated() {
            do {
                events.append(try checker.check(draft, path: .event(index)))
                rejected.append(nil)
            } catch {
                rejected.append(
                    PublishOutcome(eventID: echo(draft.id), outcome: .rejected(error)))
            }
        }
        return Checked(
            append: AppendRequest(
                events: events, allowPartial: true, account: checker.context.caller.tenant,
                deadline: checker.context.deadline),
            rejected: rejected)
    }

    /// Answers have a bound, so what is too long for an id is not sent back.
    private func echo(_ id: String) -> String {
        id.utf8.count <= 64 ? EventID(id)?.description ?? id : ""
    }

    private func checkRequest(_ command: PublishCommand) throws(EventsError) {
        try admit(eventCount: command.events.count)
        guard command.events.reduce(0, { $0 + $1.byteCount }) <= limits.maxRequestBytes else {
            throw .invalid("events", "are larger than \(limits.maxRequestBytes) bytes together")
        }
        guard let precondition = command.precondition else { return }
        if command.allowPartial {
            throw .invalid("precondition", "cannot be combined with allow_partial")
        }
        var faults = FaultList(path: "precondition")
        if precondition.subject.isEmpty { faults.add("subject", "must be set") }
        faults.check(precondition.subject, "subject", maxBytes: PublishLimits.maxNameBytes)
        if precondition.lastPosition > Position.max.rawValue {
            faults.add("last_position", "must be below 2^53")
        }
        if !faults.violations.isEmpty { throw .invalid(faults.violations) }
    }

    /// The subject is looked for in the tenant of the events, so they must have one.
    private func subjectPrecondition(
        _ precondition: PublishCommand.Precondition?, _ events: [NewEvent]
    ) throws(EventsError) -> SubjectPrecondition? {
        guard let precondition, let tenant = events.first?.tenant else { return nil }
        for (index, event) in events.enumerated() where event.tenant != tenant {
            throw .invalid(
                "events[\(index)].tenant_id",
                "must be the same for all events of a request with a precondition")
        }
        return SubjectPrecondition(
            tenant: tenant, subject: precondition.subject,
            lastPosition: Position(precondition.lastPosition))
    }
}

extension EventsError {
    /// The wrong fields it names.
    public var violations: [FieldViolation] {
        details.flatMap { detail -> [FieldViolation] in
            guard case .fields(let violations) = detail else { return [] }
            return violations
        }
    }
}
