import Protobuf

extension DecodingLimits {
    /// For what came through a call: the transport has its own, configured limit for the size.
    static let transported = DecodingLimits(maxBytes: .max)
}
