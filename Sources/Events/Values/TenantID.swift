/// Whose event it is: `[A-Za-z0-9._-]{1,64}`.
public struct TenantID: Sendable, Hashable {
    public let rawValue: String

    /// The tenant of a caller on loopback who names none.
    public static let `default` = TenantID(unchecked: "default")

    /// Nil when `text` is no tenant's name.
    public init?(_ text: String) {
        guard (1...64).contains(text.utf8.count), text.utf8.allSatisfy(Self.allows) else {
            return nil
        }
        rawValue = text
    }

    /// For names that were checked before they were stored.
    public init(unchecked text: String) {
        rawValue = text
    }

    private static func allows(_ character: UInt8) -> Bool {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

extension TenantID: Comparable {
    public static func < (left: TenantID, right: TenantID) -> Bool {
        left.rawValue < right.rawValue
    }
}

extension TenantID: CustomStringConvertible {
    public var description: String { rawValue }
}
