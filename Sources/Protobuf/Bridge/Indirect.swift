/// Holds a message elsewhere, so that a type can contain itself.
public final class Indirect<Value: Sendable & Hashable>: Sendable {
    public let value: Value

    public init(_ value: Value) { self.value = value }
}

extension Indirect: Hashable {
    public static func == (left: Indirect, right: Indirect) -> Bool { left.value == right.value }

    public func hash(into hasher: inout Hasher) { hasher.combine(value) }
}
