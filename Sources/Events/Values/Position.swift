/// A place in the log: 1 is the first event, without gaps, in commit order.
///
/// 0 stands before the first event, so "after position 0" means from the beginning.
public struct Position: RawRepresentable, Sendable, Hashable, Comparable {
    /// Below 2⁵³, so that JSON clients can hold it.
    public let rawValue: UInt64

    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    public init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// Before the first event.
    public static let zero = Position(0)
    /// The largest position that a log can hold.
    public static let max = Position(1 << 53 - 1)

    public var next: Position { Position(rawValue + 1) }

    /// The position just before this one; that of zero is zero.
    public var previous: Position { Position(rawValue == 0 ? 0 : rawValue - 1) }

    public func advanced(by count: Int) -> Position {
        Position(rawValue + UInt64(count))
    }

    public static func < (left: Position, right: Position) -> Bool {
        left.rawValue < right.rawValue
    }
}

extension Position: CustomStringConvertible {
    public var description: String { String(rawValue) }
}
