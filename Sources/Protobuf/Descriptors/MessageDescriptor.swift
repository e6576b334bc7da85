/// A message type.
public struct MessageDescriptor: Sendable {
    let storage: DescriptorStorage
    let index: Int

    init(_ storage: DescriptorStorage, _ index: Int) {
        self.storage = storage
        self.index = index
    }

    var record: DescriptorStorage.Message { storage.messages[index] }

    public var name: String { record.name }
    /// With the package, without a leading dot.
    public var fullName: String { record.fullName }
    public var file: FileDescriptor { FileDescriptor(storage, record.file) }
    /// All types that came with this one.
    public var pool: DescriptorPool { DescriptorPool(storage) }
    /// The message this one is declared in.
    public var containingMessage: MessageDescriptor? {
        record.parent.map { MessageDescriptor(storage, $0) }
    }
    /// Whether this is the entry type that the compiler makes for a `map` field.
    public var isMapEntry: Bool { record.isMapEntry }
    /// The serialized `MessageOptions`, extensions included; empty when there are none.
    public var optionsBytes: [UInt8] { record.options }

    /// Ascending by number.
    public var fields: [FieldDescriptor] {
        record.fields.map { FieldDescriptor(storage, $0) }
    }

    /// In the order of declaration, synthetic ones last.
    public var oneofs: [OneofDescriptor] {
        record.oneofs.indices.map { OneofDescriptor(storage, message: index, index: $0) }
    }

    public var nestedMessages: [MessageDescriptor] {
        record.nestedMessages.map { MessageDescriptor(storage, $0) }
    }

    public var nestedEnumerations: [EnumDescriptor] {
        record.nestedEnumerations.map { EnumDescriptor(storage, $0) }
    }

    public func field(number: Int) -> FieldDescriptor? {
        guard let entry = storage.scanTable.field(number, of: index) else { return nil }
        return FieldDescriptor(storage, Int(entry.index))
    }

    /// - Parameter name: The declared or the JSON name.
    public func field(named name: String) -> FieldDescriptor? {
        record.fieldsByName[name].map { FieldDescriptor(storage, $0) }
    }
}

extension MessageDescriptor: Hashable {
    public static func == (left: Self, right: Self) -> Bool {
        left.storage === right.storage && left.index == right.index
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(ObjectIdentifier(storage))
        hasher.combine(index)
    }
}

/// A `oneof`, or the one-member one that the compiler makes for a proto3 `optional` field.
public struct OneofDescriptor: Sendable {
    let storage: DescriptorStorage
    let message: Int
    let index: Int

    init(_ storage: DescriptorStorage, message: Int, index: Int) {
        self.storage = storage
        self.message = message
        self.index = index
    }

    private var record: DescriptorStorage.Oneof { storage.messages[message].oneofs[index] }

    public var name: String { record.name }
    /// Made by the compiler for a proto3 `optional` field.
    public var isSynthetic: Bool { record.isSynthetic }
    public var containingMessage: MessageDescriptor { MessageDescriptor(storage, message) }
    /// Ascending by number.
    public var fields: [FieldDescriptor] {
        record.fields.map { FieldDescriptor(storage, $0) }
    }
}

extension OneofDescriptor: Hashable {
    public static func == (left: Self, right: Self) -> Bool {
        left.storage === right.storage && left.message == right.message && left.index == right.index
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(ObjectIdentifier(storage))
        hasher.combine(message)
        hasher.combine(index)
    }
}
