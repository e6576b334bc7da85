/// Names a group within its tenant: `[A-Za-z0-9._-]{1,64}`, for ever the same.
public struct GroupName: Sendable, Hashable {
    public let rawValue: String

    /// Nil when `text` is no group's name.
    public init?(_ text: String) {
        // The same characters as a tenant's.
        guard TenantID(text) != nil else { return nil }
        rawValue = text
    }

    /// For names that were checked before they were stored.
    public init(unchecked text: String) {
        rawValue = text
    }

    /// As the ledger and clients name it.
    public var consumer: String { "group/\(rawValue)" }
}

extension GroupName: Comparable {
    public static func < (left: GroupName, right: GroupName) -> Bool {
        left.rawValue < right.rawValue
    }
}

extension GroupName: CustomStringConvertible {
    public var description: String { rawValue }
}
