import CInteropProtos
import Protobuf

/// The schemas of gRPC's interop suite.
enum InteropCatalogue {
    static let pool: DescriptorPool = {
        let set = unsafe [UInt8](
            UnsafeBufferPointer(
                start: cinteropprotos_descriptor_set(),
                count: cinteropprotos_descriptor_set_length()))
        do {
            return try DescriptorPool(fileDescriptorSet: set)
        } catch {
            preconditionFailure("the embedded descriptor set is broken: \(error)")
        }
    }()

    static func descriptor(of message: String) -> MessageDescriptor {
        guard let found = pool.message(message) else { preconditionFailure(message) }
        return found
    }
}
