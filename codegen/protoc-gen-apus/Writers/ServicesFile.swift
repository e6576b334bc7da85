/// The services of one `.proto` file: what a server implements, and what a client calls.
struct ServicesFile {
    let content: String

    /// - Parameter runtime: The module that ties messages to calls; nil: the one generated for.
    init(_ file: ProtoFile, _ types: TypeIndex, runtime: String?) throws(GeneratorError) {
        var services: [SwiftService] = []
        for service in file.services { services.append(try SwiftService(service, types)) }
        var writer = SourceWriter.file(from: file.path)
        writer.gap()
        if let runtime { writer.line("public import \(runtime)") }
        writer.line("public import GRPC")
        let namespace = SwiftNames.namespace(file.package)
        for service in services {
            writer.gap()
            writer.block("extension \(namespace)") { writer in
                MethodsWriter.write(service, to: &writer)
                writer.gap()
                ProviderWriter.write(service, to: &writer)
                writer.gap()
                ClientWriter.write(service, to: &writer)
            }
            writer.gap()
            ProviderWriter.writeHandlers(service, in: namespace, to: &writer)
        }
        content = writer.text
    }
}

/// A service as Swift will have it.
struct SwiftService {
    let proto: ProtoService
    let name: String
    let methods: [SwiftMethod]

    init(_ proto: ProtoService, _ types: TypeIndex) throws(GeneratorError) {
        self.proto = proto
        name = SwiftNames.type(proto.name)
        var methods: [SwiftMethod] = []
        for method in proto.methods { methods.append(try SwiftMethod(method, types)) }
        self.methods = methods
    }
}

/// One call of a service.
struct SwiftMethod {
    enum Kind: String { case unary, clientStreaming, serverStreaming, bidirectionalStreaming }

    let proto: ProtoMethod
    let name: String
    let kind: Kind
    /// Types of the messages.
    let request: String
    let response: String

    init(_ proto: ProtoMethod, _ types: TypeIndex) throws(GeneratorError) {
        self.proto = proto
        name = SwiftNames.member(proto.name)
        request = try types.swiftName(proto.input)
        response = try types.swiftName(proto.output)
        kind =
            switch (proto.isClientStreaming, proto.isServerStreaming) {
            case (false, false): .unary
            case (true, false): .clientStreaming
            case (false, true): .serverStreaming
            case (true, true): .bidirectionalStreaming
            }
    }
}

/// Writes the names that a service's calls go by.
enum MethodsWriter {
    static func write(_ service: SwiftService, to writer: inout SourceWriter) {
        writer.line("/// The calls of `\(service.proto.fullName)`.")
        writer.block("public enum \(service.name)Methods") { writer in
            writer.line("public static let service = \"\(service.proto.fullName)\"")
            for method in service.methods {
                writer.line("public static let \(method.name) = RPCMethod(")
                writer.line(
                    "    service: service, name: \"\(method.proto.name)\", kind: .\(method.kind))")
            }
        }
    }
}
