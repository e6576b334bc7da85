import GRPC
import Glibc
import IO
import InteropSupport
import Telemetry

/// `interop-server --port N [--host HOST]`: serves gRPC's interop suite until it is killed. Its first
/// line says where it listens.
enum InteropServer {
    static func main(_ arguments: [String]) async -> Int32 {
        do {
            try await serve(InteropFlags(arguments, known: ["host", "port"]))
            return 0
        } catch {
            print("interop-server: \(error)")
            return 1
        }
    }

    private static func serve(_ flags: InteropFlags) async throws {
        let loops = try IOLoopGroup(count: 1, name: "interop")
        let server = RPCServer(services: [ServedMethods()], loops: loops, logger: .silent)
        let address = try await server.bind(
            host: flags["host"] ?? "127.0.0.1", port: flags.integer("port") ?? 0)
        print("interop-server listens on \(address)")
        fflush(nil)
        try await server.run()
    }
}

/// The suite's service without the one method that it wants to be missing. Its
/// `UnimplementedService` is missing altogether.
private struct ServedMethods: RPCService {
    var rpcHandlers: [RPCHandler] {
        TestService().rpcHandlers.filter {
            $0.method != GrpcTesting.TestServiceMethods.unimplementedCall
        }
    }
}
