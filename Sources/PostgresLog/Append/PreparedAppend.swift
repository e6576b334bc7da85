import Events
import Postgres

/// One request on its way into a batch: each id once, tenants and types as numbers.
struct PreparedAppend: Sendable {
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

    /// The request's events without repeats.
    let events: [NewEvent]
    private(set) var tenants: [Int32]
    private(set) var types: [Int32]
    /// In which the numbers mean what they say.
    private(set) var epoch: UInt64
    let subjectKeys: [UUIDBits?]
    /// One for each event of the request.
    let slots: [Slot]
    let allowPartial: Bool
    let held: Held?
    let byteCount: Int

    /// - Throws: ``EventsError``: `.alreadyExists` when the request itself has an id twice with
    ///   different content and wants all or nothing.
    init(_ request: AppendRequest, _ numbers: Directory.Numbers) throws(EventsError) {
        let tenants = numbers.tenants
        let types = numbers.types
        epoch = numbers.epoch
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
            if event.hasCallersID, request.events.count > 1 { seen[key] = kept.count }
            slots.append(
                Slot(index: kept.count, isRepeat: false, fingerprint: event.fingerprint))
            kept.append(index)
        }
        self.slots = slots
        if kept.count == request.events.count {
            events = request.events
            self.tenants = tenants
            self.types = types
        } else {
            events = kept.map { request.events[$0] }
            self.tenants = kept.map { tenants[$0] }
            self.types = kept.map { types[$0] }
        }
        subjectKeys = events.map { SubjectKey.of(tenant: $0.tenant, subject: $0.subject) }
        allowPartial = request.allowPartial
        held = request.precondition.flatMap { precondition in
            SubjectKey.of(tenant: precondition.tenant, subject: precondition.subject)
                .map { Held(key: $0, precondition: precondition) }
        }
        byteCount = events.reduce(0) { $0 + $1.footprint }
    }

    /// The same, with the numbers of another epoch.
    func renumbered(_ numbers: Directory.Numbers) -> PreparedAppend {
        var append = self
        append.tenants = numbers.tenants
        append.types = numbers.types
        append.epoch = numbers.epoch
        return append
    }

    /// The ids which may be in the log already.
    var chosenKeys: some Sequence<Key> {
        zip(events, tenants).lazy.filter { $0.0.hasCallersID }
            .map { Key(tenant: $0.1, id: $0.0.id) }
    }
}
