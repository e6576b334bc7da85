/// A gRPC service.
public struct ServiceDescriptor: Sendable {
    let storage: DescriptorStorage
    let index: Int

    init(_ storage: DescriptorStorage, _ index: Int) {
        self.storage = storage
        self.index = index
    }

    private var record: DescriptorStorage.Service { storage.services[index] }

    public var name: String { record.name }
    public var fullName: String { record.fullName }
    public var file: FileDescriptor { FileDescriptor(storage, record.file) }
    public var methods: [MethodDescriptor] {
        record.methods.map { MethodDescriptor(storage, service: index, $0) }
    }
}

/// One method of a service.
public struct MethodDescriptor: Sendable {
    private let storage: DescriptorStorage
    private let serviceIndex: Int
    private let record: DescriptorStorage.Method

    init(_ storage: DescriptorStorage, service: Int, _ record: DescriptorStorage.Method) {
        self.storage = storage
        serviceIndex = service
        self.record = record
    }

    public var name: String { record.name }
    public var fullName: String { "\(service.fullName).\(record.name)" }
    public var service: ServiceDescriptor { ServiceDescriptor(storage, serviceIndex) }
    public var input: MessageDescriptor { MessageDescriptor(storage, record.input) }
    public var output: MessageDescriptor { MessageDescriptor(storage, record.output) }
    public var isClientStreaming: Bool { record.isClientStreaming }
    public var isServerStreaming: Bool { record.isServerStreaming }
    /// The serialized `MethodOptions`; empty when there are none.
    public var optionsBytes: [UInt8] { record.options }
}
