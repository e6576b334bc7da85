/// An enum type.
public struct EnumDescriptor: Sendable {
    /// One value; several may share a number (`allow_alias`).
    public struct Value: Sendable, Hashable {
        public let name: String
        public let number: Int32
    }

    let storage: DescriptorStorage
    let index: Int

    init(_ storage: DescriptorStorage, _ index: Int) {
        self.storage = storage
        self.index = index
    }

    private var record: DescriptorStorage.Enumeration { storage.enumerations[index] }

    public var name: String { record.name }
    public var fullName: String { record.fullName }
    public var file: FileDescriptor { FileDescriptor(storage, record.file) }
    public var containingMessage: MessageDescriptor? {
        record.parent.map { MessageDescriptor(storage, $0) }
    }
    /// The serialized `EnumOptions`; empty when there are none.
    public var optionsBytes: [UInt8] { record.options }

    /// In the order of declaration.
    public var values: [Value] {
        record.values.map { Value(name: $0.name, number: $0.number) }
    }

    /// The first name declared for a number.
    public func name(of number: Int32) -> String? { record.namesByNumber[number] }

    public func number(of name: String) -> Int32? { record.numbersByName[name] }
}

extension EnumDescriptor: Hashable {
    public static func == (left: Self, right: Self) -> Bool {
        left.storage === right.storage && left.index == right.index
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(ObjectIdentifier(storage))
        hasher.combine(index)
    }
}
