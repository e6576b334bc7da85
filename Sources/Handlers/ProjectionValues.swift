import EventProtos
import Events
import Protobuf

/// Why an event cannot be counted. Counting it again would end the same.
struct ProjectionFault: Error, CustomStringConvertible {
    let description: String
}

// What clients may choose freely, as rows can hold it.
extension ProjectionChange.Value {
    /// Postgres refuses keys of an index that are longer than 2.7 kB; a row has up to three.
    private static let maxKeyBytes = 512
    private static let maxLabelBytes = 128

    /// What a row is found by.
    ///
    /// - Throws: ``ProjectionFault`` when it is too long: cut off it could be another's.
    static func key(_ text: String, _ field: String) throws(ProjectionFault) -> Self {
        guard text.utf8.count <= maxKeyBytes else {
            throw ProjectionFault(
                description: "\(field) has \(text.utf8.count) bytes, more than \(maxKeyBytes)")
        }
        return .text(text)
    }

    /// What rows are grouped by: `unknown` when it is empty, cut off when it is long.
    static func label(_ text: String) -> Self {
        guard !text.isEmpty else { return .text("unknown") }
        guard text.utf8.count > maxLabelBytes else { return .text(text) }
        var kept = ""
        for character in text.unicodeScalars {
            guard kept.utf8.count + String(character).utf8.count <= maxLabelBytes else { break }
            kept.unicodeScalars.append(character)
        }
        return .text(kept)
    }

    /// As ``label(_:)``, null when it is empty.
    static func optionalLabel(_ text: String) -> Self {
        text.isEmpty ? .null : label(text)
    }

    static func position(_ event: RecordedEvent) -> Self {
        .integer(Int64(clamping: event.position.rawValue))
    }

    /// When the payload says that it happened; when the event did, if it says nothing that can be.
    static func time(_ told: GoogleProtobuf.Timestamp?, of event: RecordedEvent) -> Self {
        guard let told, told.isValid else { return .time(event.occurredAt) }
        return .time(Timestamp(seconds: told.seconds, nanoseconds: told.nanos))
    }
}

/// A number that can be summed in any order with the same result: in millionths.
enum Measure {
    case none
    case millionths(Int64)
    /// NaN, infinite, or of a size that no sum should have.
    case unusable

    /// 10¹² either way.
    private static let most = 1e12

    init(_ value: Double?) {
        guard let value else {
            self = .none
            return
        }
        // False for NaN.
        guard abs(value) <= Self.most else {
            self = .unusable
            return
        }
        self = .millionths(Int64((value * 1e6).rounded()))
    }

    /// For a column that is null when there is nothing to sum.
    var value: ProjectionChange.Value {
        if case .millionths(let number) = self { .integer(number) } else { .null }
    }

    var isUnusable: ProjectionChange.Value {
        if case .unusable = self { .bool(true) } else { .bool(false) }
    }
}

/// Money that came in or went out: never less than nothing.
struct Amount {
    /// ISO 4217; empty when there is no amount to count.
    let currency: String
    let units: Int64
    /// 0...999,999,999.
    let nanos: Int32
    /// Something was said, and it is no such amount.
    let isUnusable: Bool

    init(_ money: ApusEventsCommonV1.Money?) {
        guard let money, Self.isUsable(money) else {
            (currency, units, nanos) = ("", 0, 0)
            isUnusable = money != nil
            return
        }
        currency = money.currencyCode
        units = money.units
        nanos = money.nanos
        isUnusable = false
    }

    /// 10¹², as of a ``Measure``.
    private static let most: Int64 = 1_000_000_000_000

    private static func isUsable(_ money: ApusEventsCommonV1.Money) -> Bool {
        let letters = UInt8(ascii: "A")...UInt8(ascii: "Z")
        return money.currencyCode.utf8.count == 3
            && money.currencyCode.utf8.allSatisfy(letters.contains)
            && (0...999_999_999).contains(money.nanos) && money.units >= 0
            && (money.units < most || money.units == most && money.nanos == 0)
    }

    /// Currency, units, nanos, whether it is unusable.
    var values: [ProjectionChange.Value] {
        [.text(currency), .integer(units), .integer(Int64(nanos)), .bool(isUnusable)]
    }
}

extension RecordedEvent {
    /// The payload, if it is such a message.
    ///
    /// - Throws: `DecodingError`.
    func payload<Payload: Message>(_: Payload.Type = Payload.self) throws -> Payload? {
        guard messageName == Payload.descriptor.fullName else { return nil }
        return try Payload(decoding: data)
    }
}
