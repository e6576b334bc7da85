import CProtos
public import Protobuf

/// The schemas that ship with Apus: its API, the payloads of its events, and what they build on.
///
/// Read from the descriptor set that `codegen/generate.sh` embeds; nothing is listed by hand.
public enum EventCatalogue {
    /// Every file, message, enum and service, but for those of the neighbours.
    public static let pool: DescriptorPool = unsafe read(
        cprotos_descriptor_set(), cprotos_descriptor_set_length())

    /// The schemas of the services that Apus calls. They are not ours to show or to publish, so
    /// nothing that clients see looks in here.
    static let neighbours: DescriptorPool = unsafe read(
        cprotos_neighbours_descriptor_set(), cprotos_neighbours_descriptor_set_length())

    private static func read(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> DescriptorPool {
        let set = unsafe [UInt8](UnsafeBufferPointer(start: bytes, count: count))
        do {
            return try DescriptorPool(fileDescriptorSet: set)
        } catch {
            preconditionFailure("the embedded descriptor set is broken: \(error)")
        }
    }

    /// The payload messages that say which event type they are of, by type and version.
    public static let payloads: [EventPayload] = EventPayload.all(in: pool)

    /// What the schema says of a generated type.
    static func descriptor(of message: String) -> MessageDescriptor {
        guard let found = pool.message(message) ?? neighbours.message(message) else {
            preconditionFailure("\(message) is generated, but not in the descriptor set")
        }
        return found
    }
}
