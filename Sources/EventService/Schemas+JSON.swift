import EventProtos
public import Events
import Protobuf

extension Schemas {
    /// An event's payload as canonical JSON; nil: its schema is not known here, or it does not follow
    /// it.
    public func json(of event: RecordedEvent) -> String? {
        guard let type = EventCatalogue.pool.message(event.messageName) else { return nil }
        return try? ProtobufJSON.encode(event.data, as: type, pool: EventCatalogue.pool)
    }
}
