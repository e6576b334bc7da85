/// How a field's value is laid out on the wire.
///
/// Source: protobuf encoding guide, "Message Structure".
enum WireType: UInt8, Sendable {
    case varint = 0
    case fixed64 = 1
    case lengthDelimited = 2
    case groupStart = 3
    case groupEnd = 4
    case fixed32 = 5
}
