/// 16 bytes of a digest of what a client sent: tells a retry from another event with the same id.
public struct Fingerprint: Sendable, Hashable {
    /// The first eight bytes, big-endian.
    public let high: UInt64
    /// The last eight bytes, big-endian.
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Takes the first 16 bytes of a digest; nil when there are fewer.
    public init?(digest: [UInt8]) {
        guard digest.count >= 16 else { return nil }
        func word(_ bytes: ArraySlice<UInt8>) -> UInt64 {
            bytes.reduce(0) { $0 << 8 | UInt64($1) }
        }
        self.init(high: word(digest[0..<8]), low: word(digest[8..<16]))
    }
}
