import CProtos
public import Protobuf

/// The schemas that ship with Apus: its API, the payloads of its events, and what they build on.
///
/// Read from the descriptor set that `codegen/generate.sh` embeds; nothing is listed by hand.
public enum EventCatalogue {
    /// Every file, message, enum and service.
    public static let pool: DescriptorPool = {
        let set = unsafe [UInt8](
            UnsafeBufferPointer(
                start: cprotos_descriptor_set(), count: cprotos_descriptor_set_length()))
        do {
            return try DescriptorPool(fileDescriptorSet: set)
        } catch {
            preconditionFailure("the embedded descriptor set is broken: \(error)")
        }
    }()

    /// The payload messages that say which event type they are of, by type and version.
    public static let payloads: [EventPayload] = EventPayload.all(in: pool)

    /// What the schema says of a generated type.
    static func descriptor(of message: String) -> MessageDescriptor {
        guard let found = pool.message(message) else {
            preconditionFailure("\(message) is generated, but not in the descriptor set")
        }
        return found
    }
}
