import EventProtos
import Events
import Protobuf
import Telemetry

/// An event as JSON, for people: an `apus.v1.Event` whose `data` may leave out `@type`, since the
/// event's type says which message it is.
struct EventLine {
    /// - Parameter id: Makes one for an event that names none.
    /// - Throws: ``CommandFailure`` saying what is wrong and where.
    static func event(_ json: String, id: () -> String) throws -> ApusV1.Event {
        do {
            var event = try parse(json)
            if event.id.isEmpty { event.id = id() }
            return event
        } catch let error as JSONError {
            throw CommandFailure(error.description)
        }
    }

    /// An event of this type with this payload.
    static func event(type: String, version: UInt32, data json: String) throws -> ApusV1.Event {
        do {
            var event = ApusV1.Event()
            event.type = type
            event.version = version
            event.data = try payload(json, type: type, version: version)
            return event
        } catch let error as JSONError {
            throw CommandFailure("data: \(error.description)")
        }
    }

    /// An id of one's own makes a repeat harmless, also one that the channel makes.
    static func newID() -> String {
        EventID.v7(at: Timestamp(SystemWallClock().now())).description
    }

    private static func parse(_ json: String) throws -> ApusV1.Event {
        let members = try ProtobufJSON.members(of: json)
        guard let data = members.first(where: { $0.name == "data" }),
            data.json.hasPrefix("{"),
            try !ProtobufJSON.members(of: data.json).contains(where: { $0.name == "@type" })
        else {
            return try ApusV1.Event(json: json, pool: EventCatalogue.pool)
        }
        let envelope = members.filter { $0.name != "data" }.map { "\"\($0.name)\":\($0.json)" }
        var event = try ApusV1.Event(
            json: "{\(envelope.joined(separator: ","))}", pool: EventCatalogue.pool)
        event.data = try payload(data.json, type: event.type, version: event.version)
        return event
    }

    /// - Parameter version: 0: the newest of the type.
    private static func payload(
        _ json: String, type: String, version: UInt32
    ) throws -> GoogleProtobuf.AnyMessage {
        let candidates = EventCatalogue.payloads.filter {
            $0.type == type && (version == 0 || $0.version == version)
        }
        guard let found = candidates.max(by: { $0.version < $1.version }) else {
            throw CommandFailure(
                "the catalogue has no event type \(type)\(version == 0 ? "" : " version \(version)")"
            )
        }
        let bytes = try ProtobufJSON.decode(json, as: found.message, pool: EventCatalogue.pool)
        return GoogleProtobuf.AnyMessage(bytes, of: found.message.fullName)
    }
}
