import EventProtos
import Events
import Protobuf

/// The fields of an event's payload, by the names of its schema.
public struct PayloadFields: Sendable {
    private let root: GoogleProtobuf.Struct

    /// - Throws: `JSONError`, `DecodingError` when the payload cannot be read.
    init?(_ event: RecordedEvent) throws {
        guard let message = EventCatalogue.pool.message(event.messageName) else { return nil }
        var options = ProtobufJSON.PrintOptions.compact
        options.declaredNames = true
        let json = try ProtobufJSON.encode(
            event.data, as: message, pool: EventCatalogue.pool, options: options)
        root = try GoogleProtobuf.Struct(
            decoding: ProtobufJSON.decode(
                json, as: GoogleProtobuf.Struct.descriptor, pool: EventCatalogue.pool))
    }

    /// What people read of a field; empty when it is not set.
    func text(at path: [String]) -> String {
        var fields = root
        for name in path.dropLast() {
            guard case .structValue(let inner) = fields.fields[name]?.kind else { return "" }
            fields = inner
        }
        return path.last.flatMap { fields.fields[$0] }.map(Self.text) ?? ""
    }

    private static func text(_ value: GoogleProtobuf.Value) -> String {
        switch value.kind {
        case .stringValue(let text): text
        case .boolValue(let isSo): isSo ? "yes" : "no"
        case .numberValue(let number):
            number == number.rounded() && abs(number) < 1e15
                ? String(Int64(number)) : String(number)
        case .structValue(let inner): money(inner)
        case .listValue(let list): list.values.map(text).joined(separator: ", ")
        case .nullValue, nil: ""
        }
    }

    /// An amount as people write it; of other messages nothing.
    private static func money(_ value: GoogleProtobuf.Struct) -> String {
        guard case .stringValue(let currency) = value.fields["currency_code"]?.kind else {
            return ""
        }
        let units = value.fields["units"].map(text) ?? "0"
        guard case .numberValue(let nanos) = value.fields["nanos"]?.kind,
            let nanos = Int64(exactly: nanos)
        else { return "\(currency) \(units)" }
        var digits = String(nanos.magnitude)
        digits = String(repeating: "0", count: max(0, 9 - digits.count)) + digits
        while digits.count > 2, digits.last == "0" { digits.removeLast() }
        let sign = nanos < 0 && units == "0" ? "-" : ""
        return "\(currency) \(sign)\(units).\(digits)"
    }
}
