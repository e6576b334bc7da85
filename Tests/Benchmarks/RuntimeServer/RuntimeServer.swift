import EventProtos
import GRPC
import Glibc
import IO
import Telemetry

/// `runtime-bench-server [CERTIFICATE KEY]`: the runtime with nothing behind it, on one loop, until
/// it is killed. Its C++ counterpart is `Runtime/server.cc`. Its first line says where it listens.
enum RuntimeServer {
    static func main(_ arguments: [String]) async -> Int32 {
        do {
            let loops = try IOLoopGroup(count: 1, name: "bench")
            var configuration = RPCServerConfiguration()
            // 50,000 idle streams are part of what is measured.
            configuration.maxConnections = 20_000
            let server = RPCServer(
                services: [Methods()], configuration: configuration, loops: loops, logger: .silent)
            let address = try await server.bind(
                host: "127.0.0.1", port: 0, tls: try tls(arguments))
            print("runtime-bench-server listens on \(address)")
            fflush(nil)
            try await server.run()
            return 0
        } catch {
            print("runtime-bench-server: \(error)")
            return 1
        }
    }

    private static func tls(_ arguments: [String]) throws -> TLSContext? {
        guard arguments.count == 2 else { return nil }
        return try TLSContext(
            .server,
            TLSConfiguration(certificateChain: arguments[0], privateKey: arguments[1]))
    }
}

/// `apus.bench.v1.Runtime` of `Runtime/runtime.proto`.
private struct Methods: RPCService {
    private static let service = "apus.bench.v1.Runtime"
    private static let messagesPerStream = 1_000

    var rpcHandlers: [RPCHandler] {
        [
            .unary(RPCMethod(service: Self.service, name: "Take", kind: .unary)) {
                (request: ApusV1.Event, _) in
                // Comparing it with nil would copy it.
                guard case .some = request.metadata else {
                    throw RPCError(.invalidArgument, "empty")
                }
                return GoogleProtobuf.Empty()
            },
            .serverStreaming(
                RPCMethod(service: Self.service, name: "Give", kind: .serverStreaming)
            ) { (request: ApusV1.Event, responses: TypedResponses<ApusV1.Event>, _) in
                for _ in 0..<Self.messagesPerStream { try await responses.send(request) }
            },
            // A stream that stays open and idle, for its memory.
            RPCHandler(
                RPCMethod(service: Self.service, name: "Wait", kind: .bidirectionalStreaming)
            ) { requests, _, _ in
                while try await requests.next() != nil {}
            },
        ]
    }
}
