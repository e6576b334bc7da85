import Events
import Protobuf
import Telemetry

/// An event as receivers outside know it: CloudEvents 1.0, with the payload as JSON.
///
/// Extension attributes (§3.1 of the documented extensions): `partitionkey`, `traceparent` and
/// `tracestate`, `correlationid`, `causationid`, `recordedtime`; of our own: `tenant`, `position`,
/// `typeversion`. Who caused an event, and from which address, stays inside.
struct CloudEvent {
    /// In the order in which they are sent; none is empty.
    let attributes: [(name: String, value: String)]
    /// Canonical JSON.
    let data: String

    /// - Throws: When the payload has no JSON, which trying again would not change.
    init(_ event: RecordedEvent, pool: DescriptorPool) throws(HandlerError) {
        guard let type = pool.message(event.messageName) else {
            throw .permanent("the payload's schema is not known here")
        }
        do throws(JSONError) {
            data = try ProtobufJSON.encode(event.data, as: type, pool: pool)
        } catch {
            throw .permanent("the payload has no JSON, at \(error.path): \(error.code)")
        }
        attributes = [
            ("specversion", "1.0"),
            ("id", "\(event.id)"),
            ("source", Self.source(of: event)),
            ("type", event.type),
            ("subject", event.subject),
            ("time", Self.text(event.occurredAt)),
            ("tenant", event.tenant.rawValue),
            ("position", "\(event.position)"),
            ("typeversion", "\(event.version)"),
            ("partitionkey", event.partitionKey),
            ("recordedtime", Self.text(event.recordedAt)),
            ("correlationid", event.metadata.correlationID),
            ("causationid", event.metadata.causationID),
            ("traceparent", event.metadata.traceparent),
            ("tracestate", event.metadata.tracestate),
        ].filter { !$0.value.isEmpty }
    }

    /// A URI reference, never empty.
    private static func source(of event: RecordedEvent) -> String {
        guard !event.source.isEmpty else { return "/tenants/\(event.tenant.rawValue)" }
        return PercentEncoding.encode(event.source) { character in
            PercentEncoding.isAlphanumeric(character)
                || "-._~:/?#[]@!$&'()*+,;=%".utf8.contains(character)
        }
    }

    private static func text(_ time: Timestamp) -> String {
        guard time.isValid else { return "" }
        return UnixTime(seconds: time.seconds, nanoseconds: time.nanoseconds).description
    }

    /// The request's body and the headers that describe it.
    func content(_ mode: WebhookEndpoint.Mode) -> (headers: [WebhookHeader], body: [UInt8]) {
        switch mode {
        case .binary:
            // HTTP binding §3.1.3.2.
            let headers = attributes.map { name, value in
                let text = PercentEncoding.encode(value) { character in
                    (0x21...0x7E).contains(character) && !"\"%".utf8.contains(character)
                }
                return WebhookHeader("ce-\(name)", text)
            }
            return (
                [WebhookHeader("content-type", "application/json")] + headers, Array(data.utf8)
            )
        case .structured:
            var text = "{"
            for (name, value) in attributes {
                text.append(jsonString: name)
                text += ":"
                text.append(jsonString: value)
                text += ","
            }
            text += #""datacontenttype":"application/json","data":\#(data)}"#
            let type = "application/cloudevents+json; charset=UTF-8"
            return ([WebhookHeader("content-type", type)], Array(text.utf8))
        }
    }
}

/// `%C3%A4` for what may not stand for itself (RFC 3986 §2.1).
enum PercentEncoding {
    private static let digits = Array("0123456789ABCDEF".utf8)

    static func encode(_ text: String, keeping isKept: (UInt8) -> Bool) -> String {
        var bytes: [UInt8] = []
        for character in text.utf8 {
            if isKept(character) {
                bytes.append(character)
            } else {
                bytes += [
                    UInt8(ascii: "%"), digits[Int(character >> 4)], digits[Int(character & 0xF)],
                ]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    static func isAlphanumeric(_ character: UInt8) -> Bool {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
