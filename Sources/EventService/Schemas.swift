import EventProtos
public import Events
import Protobuf

/// The schemas that the rules ask for, read from the descriptors of the catalogue.
public struct Schemas: SchemaCatalogue {
    public let eventTypes: [EventTypeInfo]
    private let byMessage: [String: (type: EventTypeInfo, descriptor: MessageDescriptor)]
    private let messages: [TypeVersion: String]
    private let limits: DecodingLimits

    private struct TypeVersion: Hashable {
        let type: String
        let version: UInt32
    }

    /// - Parameter maxEventBytes: Payloads are never larger.
    public init(maxEventBytes: Int) {
        var limits = DecodingLimits.default
        limits.maxBytes = maxEventBytes
        self.limits = limits
        var byMessage: [String: (type: EventTypeInfo, descriptor: MessageDescriptor)] = [:]
        var messages: [TypeVersion: String] = [:]
        for payload in EventCatalogue.payloads {
            let info = EventTypeInfo(
                type: payload.type, version: payload.version,
                kind: EventKind(rawValue: Int(payload.kind.rawValue)) ?? .domain,
                message: payload.message.fullName)
            byMessage[info.message] = (info, payload.message)
            messages[TypeVersion(type: info.type, version: info.version)] = info.message
        }
        eventTypes = byMessage.values.map(\.type).sorted {
            ($0.type, $0.version) < ($1.type, $1.version)
        }
        self.byMessage = byMessage
        self.messages = messages
    }

    public func eventType(forMessage name: String) -> EventTypeInfo? {
        byMessage[name]?.type
    }

    public func message(forType type: String, version: UInt32) -> String? {
        messages[TypeVersion(type: type, version: version)]
    }

    func descriptor(of message: String) -> MessageDescriptor? { byMessage[message]?.descriptor }

    var jsonOptions: ProtobufJSON.ParseOptions {
        var options = ProtobufJSON.ParseOptions.default
        options.limits = limits
        return options
    }

    public func check(_ data: [UInt8], message name: String) -> FieldViolation? {
        guard let descriptor = byMessage[name]?.descriptor else {
            return FieldViolation(field: "", description: "is of no known message")
        }
        do {
            try WireScan.check(data, as: descriptor, limits: limits)
            return nil
        } catch {
            return FieldViolation(field: error.path, description: error.message)
        }
    }
}
