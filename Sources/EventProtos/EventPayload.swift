public import Protobuf

/// A message that is the payload of an event type: it carries the option `(apus.v1.event)`.
public struct EventPayload: Sendable, Hashable {
    /// `lead.created`.
    public let type: String
    /// From 1.
    public let version: UInt32
    /// The kind of an event that does not say its own.
    public let kind: ApusV1.EventKind
    /// The payload message.
    public let message: MessageDescriptor

    /// Every payload of a pool, by type and version.
    public static func all(in pool: DescriptorPool) -> [EventPayload] {
        pool.files.flatMap(\.messages)
            .compactMap(EventPayload.init)
            .sorted { ($0.type, $0.version) < ($1.type, $1.version) }
    }

    /// The payload that a message is; nil when it carries no option, or one that names no type.
    public init?(_ message: MessageDescriptor) {
        guard let options = EventPayload.options(of: message), !options.type.isEmpty else {
            return nil
        }
        type = options.type
        version = max(options.version, 1)
        kind = options.kind
        self.message = message
    }

    /// Number of the extension of `google.protobuf.MessageOptions`.
    private static let optionNumber = 50530

    private static func options(of message: MessageDescriptor) -> ApusV1.EventOptions? {
        guard let bytes = message.extensionBytes(number: optionNumber) else { return nil }
        return try? ApusV1.EventOptions(decoding: bytes)
    }
}
