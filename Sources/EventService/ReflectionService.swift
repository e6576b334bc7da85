import EventProtos
public import GRPC
public import Protobuf

/// Server reflection, so that grpcurl and others need no `.proto`: `grpc.reflection.v1` and
/// `v1alpha`, whose messages are the same on the wire.
public struct ReflectionService: RPCService {
    private let pool: DescriptorPool
    private let services: [String]

    /// - Parameters:
    ///   - pool: Everything that may be asked for.
    ///   - services: Those that are served.
    public init(pool: DescriptorPool, services: [String]) {
        self.pool = pool
        self.services = services
    }

    public static let serviceNames = [
        "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
    ]

    public var rpcHandlers: [RPCHandler] {
        Self.serviceNames.map { service in
            .bidirectionalStreaming(
                RPCMethod(
                    service: service, name: "ServerReflectionInfo",
                    kind: .bidirectionalStreaming)
            ) {
                (
                    requests: TypedRequests<GrpcReflectionV1.ServerReflectionRequest>,
                    responses: TypedResponses<GrpcReflectionV1.ServerReflectionResponse>, _
                ) in
                for try await request in requests {
                    try await responses.send(answer(request))
                }
            }
        }
    }

    private func answer(
        _ request: GrpcReflectionV1.ServerReflectionRequest
    ) -> GrpcReflectionV1.ServerReflectionResponse {
        GrpcReflectionV1.ServerReflectionResponse(
            validHost: request.host, originalRequest: request,
            messageResponse: content(request.messageRequest))
    }

    private func content(
        _ request: GrpcReflectionV1.ServerReflectionRequest.MessageRequest?
    ) -> GrpcReflectionV1.ServerReflectionResponse.MessageResponse {
        switch request {
        case .fileByFilename(let name):
            return files(pool.file(name))
        case .fileContainingSymbol(let symbol):
            return files(pool.file(containing: symbol))
        case .fileContainingExtension(let wanted):
            return files(
                pool.extensions(of: wanted.containingType)
                    .first { $0.number == Int(wanted.extensionNumber) }?.file)
        case .allExtensionNumbersOfType(let type):
            guard pool.message(type) != nil else { return notFound }
            return .allExtensionNumbersResponse(
                GrpcReflectionV1.ExtensionNumberResponse(
                    baseTypeName: type,
                    extensionNumber: pool.extensions(of: type).map { Int32($0.number) }))
        case .listServices:
            return .listServicesResponse(
                GrpcReflectionV1.ListServiceResponse(
                    service: services.sorted().map { GrpcReflectionV1.ServiceResponse(name: $0) }))
        case nil:
            return error(.invalidArgument, "The request asks for nothing.")
        }
    }

    /// A file and all it depends on, the file first.
    private func files(
        _ file: FileDescriptor?
    ) -> GrpcReflectionV1.ServerReflectionResponse.MessageResponse {
        guard let file else { return notFound }
        var seen: Set<String> = [file.path]
        var found = [file]
        var index = 0
        while index < found.count {
            for path in found[index].dependencies where seen.insert(path).inserted {
                if let dependency = pool.file(path) { found.append(dependency) }
            }
            index += 1
        }
        return .fileDescriptorResponse(
            GrpcReflectionV1.FileDescriptorResponse(
                fileDescriptorProto: found.map(\.serialized)))
    }

    private var notFound: GrpcReflectionV1.ServerReflectionResponse.MessageResponse {
        error(.notFound, "Nothing of that name is served.")
    }

    private func error(
        _ code: RPCStatusCode, _ message: String
    ) -> GrpcReflectionV1.ServerReflectionResponse.MessageResponse {
        .errorResponse(
            GrpcReflectionV1.ErrorResponse(errorCode: Int32(code.rawValue), errorMessage: message))
    }
}
