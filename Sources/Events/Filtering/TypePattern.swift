/// A pattern of event types: `*` stands for one segment, a last `**` for one or more.
public struct TypePattern: Sendable, Hashable {
    /// The pattern as it was written.
    public let text: String
    /// Nil stands for any one segment.
    private let segments: [String?]
    private let endsOpen: Bool

    /// Nil when `text` is no pattern: segments are `[a-z0-9_]+`, `*`, or, as the last, `**`.
    public init?(_ text: String) {
        guard text.utf8.count <= EventTypeName.maxBytes else { return nil }
        var segments: [String?] = []
        var endsOpen = false
        for part in text.split(separator: ".", omittingEmptySubsequences: false) {
            if endsOpen { return nil }
            switch part {
            case "*": segments.append(nil)
            case "**": endsOpen = true
            default:
                guard EventTypeName.isSegment(part) else { return nil }
                segments.append(String(part))
            }
        }
        self.text = text
        self.segments = segments
        self.endsOpen = endsOpen
    }

    /// Whether the pattern names one type.
    public var isLiteral: Bool { !endsOpen && !segments.contains(nil) }

    public func matches(_ type: String) -> Bool {
        if isLiteral { return type == text }
        var expected = segments.makeIterator()
        var left = segments.count
        for part in type.split(separator: ".", omittingEmptySubsequences: false) {
            guard let segment = expected.next() else { return endsOpen }
            left -= 1
            if let segment, segment != part { return false }
        }
        return left == 0 && !endsOpen
    }

    /// The same as a regular expression that Postgres and others read.
    public var regularExpression: String {
        var parts = segments.map { $0 ?? "[^.]+" }
        if endsOpen { parts.append(".+") }
        return "^" + parts.joined(separator: "\\.") + "$"
    }
}
