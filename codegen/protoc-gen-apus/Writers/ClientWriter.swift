/// Writes the struct that a client calls.
enum ClientWriter {
    static func write(_ service: SwiftService, to writer: inout SourceWriter) {
        writer.comment(service.proto.comment)
        writer.block("public struct \(service.name)Client: Sendable") { writer in
            writer.line("public let channel: ClientChannel")
            writer.gap()
            writer.line("public init(_ channel: ClientChannel) { self.channel = channel }")
            for method in service.methods {
                writer.gap()
                writer.comment(method.proto.comment)
                write(method, path: "\(service.name)Methods.\(method.name)", to: &writer)
            }
        }
    }

    private static func write(
        _ method: SwiftMethod, path: String, to writer: inout SourceWriter
    ) {
        let options = "options: CallOptions = CallOptions()"
        switch method.kind {
        case .unary:
            writer.line("public func \(method.name)(")
            writer.line("    _ request: \(method.request), \(options)")
            writer.block(") async throws -> \(method.response)") { writer in
                writer.line("try await channel.unary(\(path), request, options: options)")
            }
        case .serverStreaming:
            writer.line("public func \(method.name)<Result: Sendable>(")
            writer.line("    _ request: \(method.request), \(options),")
            writer.line(
                "    _ body: (TypedResponseSequence<\(method.response)>) async throws -> Result"
            )
            writer.block(") async throws -> Result") { writer in
                writer.line(
                    "try await channel.serverStreaming(\(path), request, options: options, body)")
            }
        case .clientStreaming:
            writer.line("public func \(method.name)(")
            writer.line("    \(options),")
            writer.line(
                "    _ send: (TypedRequestWriter<\(method.request)>) async throws -> Void"
            )
            writer.block(") async throws -> \(method.response)") { writer in
                writer.line("try await channel.clientStreaming(\(path), options: options, send)")
            }
        case .bidirectionalStreaming:
            writer.line("public func \(method.name)<Result: Sendable>(")
            writer.line("    \(options),")
            writer.line("    _ body: (")
            writer.line(
                "        TypedRequestWriter<\(method.request)>, TypedResponseSequence<\(method.response)>"
            )
            writer.line("    ) async throws -> Result")
            writer.block(") async throws -> Result") { writer in
                writer.line(
                    "try await channel.bidirectionalStreaming(\(path), options: options, body)")
            }
        }
    }
}
