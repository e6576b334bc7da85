public import Protobuf
import Telemetry

extension ApusV1.Event {
    /// An event that can be published as it is; the factories of the catalogue's types end here.
    ///
    /// It has an id of its own, so that publishing it again after a lost answer stores nothing twice.
    /// Tenant, time and metadata are left to the service, or to whoever sets them.
    ///
    /// - Parameters:
    ///   - type: As the payload's option `(apus.v1.event)` says, and so version and kind.
    ///   - subject: What it is about; events of one subject stay in order.
    public init(
        of payload: some Message, type: String, version: UInt32, kind: ApusV1.EventKind,
        subject: String = ""
    ) {
        self.init(
            id: Self.newID(at: SystemWallClock().now()), type: type, version: version, kind: kind,
            subject: subject, data: GoogleProtobuf.AnyMessage(packing: payload))
    }

    /// The same event, said to be caused by another and to belong to the same correlation.
    public func caused(by cause: ApusV1.Event) -> ApusV1.Event {
        var event = self
        var metadata = event.metadata ?? ApusV1.EventMetadata()
        metadata.causationId = cause.id
        let correlation = cause.metadata?.correlationId ?? ""
        metadata.correlationId = correlation.isEmpty ? cause.id : correlation
        event.metadata = metadata
        return event
    }

    /// A UUID that sorts by time (RFC 9562 §5.7): milliseconds, then 74 random bits.
    static func newID(
        at time: UnixTime, random: some RandomNumberGenerator = SharedRandom()
    ) -> String {
        var random = random
        let milliseconds = UInt64(clamping: time.microseconds) / 1_000
        let high = milliseconds << 16 | 0x7000 | random.next() & 0xFFF
        let low = 0b10 << 62 | random.next() >> 2
        let digits = [high, low].flatMap { half in
            (0..<16).map { String(half >> UInt64(60 - 4 * $0) & 0xF, radix: 16) }
        }
        let parts = [0..<8, 8..<12, 12..<16, 16..<20, 20..<32]
        return parts.map { digits[$0].joined() }.joined(separator: "-")
    }
}
