import Protobuf

extension FuzzEntries {
    /// Any bytes make a pool or an error; every descriptor of a pool can be walked.
    public static func descriptors(_ input: [UInt8]) {
        guard let pool = try? DescriptorPool(fileDescriptorSet: input) else { return }
        for message in pool.messages {
            promise(pool.message(message.fullName) == message, "a message is not found")
            for field in message.fields {
                promise(message.field(number: field.number) == field, "a field is not found")
                promise(field.containingMessage == message, "a field is astray")
                promise(!field.isMap || field.mapFields != nil, "a map has no key or value")
                if field.kind == .message { promise(field.messageType != nil, "no type") }
                if field.kind == .enumeration { promise(field.enumeration != nil, "no type") }
            }
            for oneof in message.oneofs { promise(!oneof.fields.isEmpty, "an empty oneof") }
            // Bytes of something else, against a schema that nobody vetted.
            _ = try? WireScan.check(input, as: message)
            if let text = try? ProtobufJSON.encode([], as: message, pool: pool) {
                _ = try? ProtobufJSON.decode(text, as: message, pool: pool)
            }
        }
        for service in pool.services {
            for method in service.methods { _ = (method.input.fields, method.output.fields) }
        }
        for file in pool.files { _ = (file.extensions, file.enumerations.map(\.values)) }
    }
}
