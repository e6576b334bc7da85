import Digests
import EventProtos
public import Events
import Protobuf

// Payloads that were published in SQL.
extension Schemas: OutboxSchemas {
    public func payload(
        json: String, message: String, path: String
    ) throws(EventsError) -> [UInt8] {
        guard let descriptor = descriptor(of: message) else {
            throw .invalid(path, "is of no known message")
        }
        do throws(JSONError) {
            return try ProtobufJSON.decode(
                json, as: descriptor, pool: EventCatalogue.pool, options: jsonOptions)
        } catch {
            throw .invalid(error.path.isEmpty ? path : "\(path).\(error.path)", error.message)
        }
    }

    public func fingerprint(of draft: EventDraft) -> Fingerprint {
        Fingerprint(of: draft, hash: SHA256())
    }
}

extension Fingerprint {
    /// - Parameter hash: One object serves many drafts.
    init(of draft: EventDraft, hash: SHA256) {
        hash.update(draft.contentHeader)
        hash.update(draft.data)
        let (high, low) = hash.finish().first16
        self.init(high: high, low: low)
    }
}
