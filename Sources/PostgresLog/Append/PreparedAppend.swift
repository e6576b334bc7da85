import Events
import Postgres
import Telemetry

/// One request on its way into a batch: each id once, tenants and types as numbers, and all that
/// can be computed before it has its place, so that the one who fills batches need not.
final class PreparedAppend: Sendable {
    struct Key: Hashable, Sendable {
        let tenant: Int32
        let id: EventID
    }

    struct Held: Sendable {
        let key: UUIDBits
        let precondition: SubjectPrecondition
    }

    /// Where an event of the request stands in `events`, and what it says it is.
    struct Slot: Sendable {
        let index: Int
        let isRepeat: Bool
        let fingerprint: Fingerprint
    }

    /// Whose share of the queue it takes.
    let account: TenantID
    /// When the caller stops waiting; nil: as long as the log has patience.
    let deadline: MonotonicTime?
    /// The request's events without repeats.
    let events: [NewEvent]
    let tenants: [Int32]
    let types: [Int32]
    /// In which the numbers mean what they say.
    let epoch: UInt64
    let partitions: [Int16]
    let checksums: [EventChecksum]
    let subjectKeys: [UUIDBits?]
    /// ``slots`` when some id is in the request twice; else nil.
    let repeats: [Slot]?
    /// Some id may be in the log already.
    let hasChosenIDs: Bool
    let allowPartial: Bool
    let held: Held?
    let byteCount: Int

    /// - Throws: ``EventsError``: `.alreadyExists` when the request itself has an id twice with
    ///   different content and wants all or nothing.
    init(_ request: AppendRequest, _ numbers: Directory.Numbers) throws(EventsError) {
        let tenants = numbers.tenants
        let types = numbers.types
        epoch = numbers.epoch
        let hasChosenIDs = request.events.contains(where: \.hasCallersID)
        self.hasChosenIDs = hasChosenIDs
        if hasChosenIDs, request.events.count > 1,
            let (kept, slots) = try Self.withoutRepeats(request, tenants)
        {
            repeats = slots
            events = kept.map { request.events[$0] }
            self.tenants = kept.map { tenants[$0] }
            self.types = kept.map { types[$0] }
        } else {
            repeats = nil
            events = request.events
            self.tenants = tenants
            self.types = types
        }
        account = request.account
        deadline = request.deadline
        partitions = events.map { Int16(Partition.of(tenant: $0.tenant, key: $0.partitionKey)) }
        checksums = events.map { EventChecksum($0) }
        subjectKeys = events.map { SubjectKey.of(tenant: $0.tenant, subject: $0.subject) }
        allowPartial = request.allowPartial
        held = request.precondition.flatMap { precondition in
            SubjectKey.of(tenant: precondition.tenant, subject: precondition.subject)
                .map { Held(key: $0, precondition: precondition) }
        }
        byteCount = events.reduce(0) { $0 + $1.footprint }
    }

    /// The same, with the numbers of another epoch.
    init(_ append: PreparedAppend, renumbered numbers: Directory.Numbers) {
        tenants = numbers.tenants
        types = numbers.types
        epoch = numbers.epoch
        account = append.account
        deadline = append.deadline
        events = append.events
        partitions = append.partitions
        checksums = append.checksums
        subjectKeys = append.subjectKeys
        repeats = append.repeats
        hasChosenIDs = append.hasChosenIDs
        allowPartial = append.allowPartial
        held = append.held
        byteCount = append.byteCount
    }

    /// - Returns: The events to store and where each of the request's stands in them; nil when
    ///   nothing is in it twice.
    private static func withoutRepeats(
        _ request: AppendRequest, _ tenants: [Int32]
    ) throws(EventsError) -> (kept: [Int], slots: [Slot])? {
        var slots: [Slot] = []
        slots.reserveCapacity(request.events.count)
        var kept: [Int] = []
        var seen: [Key: Int] = [:]
        for (index, event) in request.events.enumerated() {
            let key = Key(tenant: tenants[index], id: event.id)
            if event.hasCallersID, let first = seen[key] {
                let isSame = request.events[kept[first]].fingerprint == event.fingerprint
                guard isSame || request.allowPartial else { throw .idTaken(event.id) }
                slots.append(
                    Slot(index: first, isRepeat: true, fingerprint: event.fingerprint))
                continue
            }
            if event.hasCallersID { seen[key] = kept.count }
            slots.append(
                Slot(index: kept.count, isRepeat: false, fingerprint: event.fingerprint))
            kept.append(index)
        }
        return kept.count == request.events.count ? nil : (kept, slots)
    }

    /// One for each event of the request.
    var slots: [Slot] {
        repeats
            ?? events.enumerated().map { index, event in
                Slot(index: index, isRepeat: false, fingerprint: event.fingerprint)
            }
    }

    /// The ids which may be in the log already.
    var chosenKeys: some Sequence<Key> {
        zip(events, tenants).lazy.filter { $0.0.hasCallersID }
            .map { Key(tenant: $0.1, id: $0.0.id) }
    }
}
