/// Writes the protocol that a server implements.
enum ProviderWriter {
    static func write(_ service: SwiftService, to writer: inout SourceWriter) {
        writer.comment(service.proto.comment)
        writer.block("public protocol \(service.name)Provider: RPCService") { writer in
            for method in service.methods {
                writer.gap()
                writer.comment(method.proto.comment)
                for line in signature(of: method) { writer.line(line) }
            }
        }
    }

    private static func signature(of method: SwiftMethod) -> [String] {
        switch method.kind {
        case .unary:
            [
                "func \(method.name)(_ request: \(method.request), call: ServerCall)",
                "    async throws -> \(method.response)",
            ]
        case .clientStreaming:
            [
                "func \(method.name)(_ requests: TypedRequests<\(method.request)>, call: ServerCall)",
                "    async throws -> \(method.response)",
            ]
        case .serverStreaming:
            [
                "func \(method.name)(",
                "    _ request: \(method.request), _ responses: TypedResponses<\(method.response)>,",
                "    call: ServerCall) async throws",
            ]
        case .bidirectionalStreaming:
            [
                "func \(method.name)(",
                "    _ requests: TypedRequests<\(method.request)>,",
                "    _ responses: TypedResponses<\(method.response)>, call: ServerCall) async throws",
            ]
        }
    }

    /// Writes what ties the protocol's functions to the bytes of calls.
    static func writeHandlers(
        _ service: SwiftService, in namespace: String, to writer: inout SourceWriter
    ) {
        writer.block("extension \(namespace).\(service.name)Provider") { writer in
            writer.block("public var rpcHandlers: [RPCHandler]") { writer in
                writer.line("[")
                writer.indented { writer in
                    for method in service.methods {
                        let path = "\(namespace).\(service.name)Methods.\(method.name)"
                        writer.line(".\(method.kind)(\(path)) {")
                        writer.line("    \(call(method))")
                        writer.line("},")
                    }
                }
                writer.line("]")
            }
        }
    }

    private static func call(_ method: SwiftMethod) -> String {
        switch method.kind {
        case .unary, .clientStreaming: "try await self.\(method.name)($0, call: $1)"
        case .serverStreaming, .bidirectionalStreaming:
            "try await self.\(method.name)($0, $1, call: $2)"
        }
    }
}
