import CGolden
import Protobuf

/// What the generated code of these tests finds its descriptors in.
enum GoldenCatalogue {
    static let pool: DescriptorPool = {
        let set = [UInt8](
            UnsafeBufferPointer(
                start: cgolden_descriptor_set(), count: cgolden_descriptor_set_length()))
        do {
            return try DescriptorPool(fileDescriptorSet: set)
        } catch {
            preconditionFailure("\(error)")
        }
    }()

    static func descriptor(of message: String) -> MessageDescriptor {
        guard let found = pool.message(message) else { preconditionFailure(message) }
        return found
    }
}
