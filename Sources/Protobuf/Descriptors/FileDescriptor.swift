/// One `.proto` file.
public struct FileDescriptor: Sendable {
    let storage: DescriptorStorage
    let index: Int

    init(_ storage: DescriptorStorage, _ index: Int) {
        self.storage = storage
        self.index = index
    }

    private var record: DescriptorStorage.File { storage.files[index] }

    /// As imported, such as `google/protobuf/any.proto`.
    public var path: String { record.path }
    public var package: String { record.package }
    /// `proto2` or `proto3`.
    public var syntax: String { record.syntax }
    /// Paths of the imported files.
    public var dependencies: [String] { record.dependencies }
    /// The `FileDescriptorProto` as it came, for reflection.
    public var serialized: [UInt8] { record.serialized }

    /// Top level only.
    public var messages: [MessageDescriptor] {
        record.messages.map { MessageDescriptor(storage, $0) }
    }

    /// Top level only.
    public var enumerations: [EnumDescriptor] {
        record.enumerations.map { EnumDescriptor(storage, $0) }
    }

    public var services: [ServiceDescriptor] {
        record.services.map { ServiceDescriptor(storage, $0) }
    }

    /// Extensions declared anywhere in the file.
    public var extensions: [FieldDescriptor] {
        record.extensions.map { FieldDescriptor(storage, $0) }
    }
}

extension FileDescriptor: Hashable {
    public static func == (left: Self, right: Self) -> Bool {
        left.storage === right.storage && left.index == right.index
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(ObjectIdentifier(storage))
        hasher.combine(index)
    }
}
