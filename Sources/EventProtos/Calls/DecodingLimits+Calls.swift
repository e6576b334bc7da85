import Protobuf

extension DecodingLimits {
    /// For what came through a call: the transport has its own, configured limit for the size.
    static let transported = DecodingLimits(maxBytes: .max)

    /// For what a client sent: what it decodes to stands in a relation to what it is charged for. An
    /// event takes a few hundred bytes, however few it has, and a request has up to 1,000 of them.
    static func request(bytes: Int) -> DecodingLimits {
        DecodingLimits(maxBytes: .max, maxArenaBytes: min(1 << 20 + 8 * bytes, 64 << 20))
    }
}
