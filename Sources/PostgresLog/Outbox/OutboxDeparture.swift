import Events
import Postgres

/// A page's rows on their way out of the outbox: into the log, or to the rejects.
struct OutboxDeparture {
    private var keys: [OutboxScan.Key] = []
    private var ordinals: [Int32?] = []
    private var fingerprints: [UUIDBits] = []
    private var firsts: [UUIDBits] = []
    private var reasons: [String?] = []
    private var details: [String?] = []

    /// - Parameter append: Of what was not refused; nil when all of it was.
    init(
        _ page: OutboxPage, _ results: [Result<NewEvent, OutboxRefusal>],
        _ append: PreparedAppend?
    ) {
        var place = 0
        for (element, result) in zip(page.elements, results) {
            keys.append(element.key)
            switch result {
            case .success(let event):
                guard let append else { preconditionFailure("what passed is appended") }
                let index = append.repeats?[place].index ?? place
                place += 1
                ordinals.append(Int32(index + 1))
                fingerprints.append(event.fingerprint.bits)
                firsts.append(append.events[index].fingerprint.bits)
                reasons.append(nil)
                details.append(nil)
            case .failure(let refusal):
                let none = UUIDBits(high: 0, low: 0)
                ordinals.append(nil)
                fingerprints.append(none)
                firsts.append(none)
                reasons.append(refusal.reason.rawValue)
                details.append(refusal.detail)
            }
        }
    }

    /// For `SQL/outbox_drain.sql` and `SQL/outbox_refuse.sql`.
    func parameters(_ lease: Lease) -> [Parameter] {
        [
            .text(lease.name), .text(lease.holder), .int8(lease.fence),
            .int8Array(keys.map(\.transaction)), .int8Array(keys.map(\.number)),
            .int4Array(ordinals), .uuidArray(fingerprints), .uuidArray(firsts),
            .textArray(reasons), .textArray(details),
        ]
    }
}
