/// All types of one descriptor set, every reference resolved.
///
/// Descriptors are handles: they keep the pool's tables alive and compare by identity, so a type of
/// one pool never equals a type of another.
public final class DescriptorPool: Sendable {
    let storage: DescriptorStorage

    /// Parses a serialized `google.protobuf.FileDescriptorSet` with all its imports
    /// (`protoc --include_imports --descriptor_set_out`), in any order of files.
    ///
    /// Safe on outside bytes: the parser is bounded in depth and size and calls no C.
    public init(fileDescriptorSet: [UInt8]) throws(DescriptorError) {
        storage = DescriptorStorage(try DescriptorBuilder.tables(of: fileDescriptorSet))
    }

    init(_ storage: DescriptorStorage) {
        self.storage = storage
    }

    /// In the order of the set.
    public var files: [FileDescriptor] {
        storage.files.indices.map { FileDescriptor(storage, $0) }
    }

    /// All messages, nested ones and map entries too.
    public var messages: [MessageDescriptor] {
        storage.messages.indices.map { MessageDescriptor(storage, $0) }
    }

    public var services: [ServiceDescriptor] {
        storage.services.indices.map { ServiceDescriptor(storage, $0) }
    }

    /// - Parameter path: As imported, such as `google/protobuf/any.proto`.
    public func file(_ path: String) -> FileDescriptor? {
        storage.filesByPath[path].map { FileDescriptor(storage, $0) }
    }

    /// - Parameter fullName: Without a leading dot.
    public func message(_ fullName: String) -> MessageDescriptor? {
        guard case .message(let index)? = storage.symbols[fullName] else { return nil }
        return MessageDescriptor(storage, index)
    }

    /// The descriptor of a type that is known to be there: generated code, built from this very set.
    public func requiredMessage(_ fullName: String) -> MessageDescriptor {
        guard let found = message(fullName) else {
            preconditionFailure("\(fullName) is not in the built-in descriptor set")
        }
        return found
    }

    public func enumeration(_ fullName: String) -> EnumDescriptor? {
        guard case .enumeration(let index)? = storage.symbols[fullName] else { return nil }
        return EnumDescriptor(storage, index)
    }

    public func service(_ fullName: String) -> ServiceDescriptor? {
        guard case .service(let index)? = storage.symbols[fullName] else { return nil }
        return ServiceDescriptor(storage, index)
    }

    /// The file that defines a message, enum, enum value, field, oneof, extension, service or method.
    public func file(containing symbol: String) -> FileDescriptor? {
        guard let found = storage.symbols[symbol] else { return nil }
        let index: Int
        switch found {
        case .message(let message), .oneof(let message): index = storage.messages[message].file
        case .enumeration(let item), .enumValue(let item): index = storage.enumerations[item].file
        case .service(let service), .method(let service, _): index = storage.services[service].file
        case .field(let field): index = storage.fields[field].file
        }
        return FileDescriptor(storage, index)
    }

    /// Extensions of a message that the set declares, ascending by number.
    public func extensions(of fullName: String) -> [FieldDescriptor] {
        storage.files.flatMap(\.extensions)
            .filter { storage.fields[$0].extendee == fullName }
            .sorted { storage.fields[$0].number < storage.fields[$1].number }
            .map { FieldDescriptor(storage, $0) }
    }
}
