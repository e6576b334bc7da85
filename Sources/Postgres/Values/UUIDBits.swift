/// The 128 bits of a `uuid`, its first byte highest.
public struct UUIDBits: Sendable, Hashable {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}
