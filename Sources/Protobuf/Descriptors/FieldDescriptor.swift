/// A field of a message, or an extension.
public struct FieldDescriptor: Sendable {
    let storage: DescriptorStorage
    let index: Int

    init(_ storage: DescriptorStorage, _ index: Int) {
        self.storage = storage
        self.index = index
    }

    var record: DescriptorStorage.Field { storage.fields[index] }

    /// As declared.
    public var name: String { record.name }
    public var fullName: String { record.fullName }
    /// lowerCamelCase, or what `json_name` says.
    public var jsonName: String { record.jsonName }
    public var number: Int { record.number }
    public var kind: FieldKind { record.kind }
    /// Lists and maps.
    public var isRepeated: Bool { record.isRepeated }
    /// proto2 `required`.
    public var isRequired: Bool { record.isRequired }
    /// Whether a writer packs the values; readers take both forms.
    public var isPacked: Bool { record.isPacked }
    /// proto3 `optional`.
    public var isProto3Optional: Bool { record.isProto3Optional }
    /// Whether unset and default are told apart.
    public var hasPresence: Bool { record.hasPresence }
    public var isExtension: Bool { record.isExtension }
    /// The default of a proto2 field, as the descriptor spells it.
    public var defaultText: String? { record.defaultText }
    /// The serialized `FieldOptions`; empty when there are none.
    public var optionsBytes: [UInt8] { record.options }
    public var file: FileDescriptor { FileDescriptor(storage, record.file) }

    /// For an extension, the message that it extends (nil: not in the pool).
    public var containingMessage: MessageDescriptor? {
        record.message.map { MessageDescriptor(storage, $0) }
    }

    /// The real or synthetic oneof that this is a member of.
    public var oneof: OneofDescriptor? {
        guard let message = record.message, let oneof = record.oneof else { return nil }
        return OneofDescriptor(storage, message: message, index: oneof)
    }

    /// The oneof that the schema's author wrote.
    public var realOneof: OneofDescriptor? {
        guard let oneof, !oneof.isSynthetic else { return nil }
        return oneof
    }

    /// For kinds `.message` and `.group`.
    public var messageType: MessageDescriptor? {
        record.messageType.map { MessageDescriptor(storage, $0) }
    }

    /// For kind `.enumeration`.
    public var enumeration: EnumDescriptor? {
        record.enumeration.map { EnumDescriptor(storage, $0) }
    }

    public var isMap: Bool {
        guard record.isRepeated, let type = record.messageType else { return false }
        return storage.messages[type].isMapEntry
    }

    /// Key and value of a map field's entries.
    public var mapFields: (key: FieldDescriptor, value: FieldDescriptor)? {
        guard isMap, let key = messageType?.field(number: 1),
            let value = messageType?.field(number: 2)
        else { return nil }
        return (key, value)
    }
}

extension FieldDescriptor: Hashable {
    public static func == (left: Self, right: Self) -> Bool {
        left.storage === right.storage && left.index == right.index
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(ObjectIdentifier(storage))
        hasher.combine(index)
    }
}
