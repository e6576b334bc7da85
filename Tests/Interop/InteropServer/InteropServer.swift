import GRPC
import Glibc
import IO
import InteropSupport
import Telemetry

/// `interop-server --port N [--host HOST] [--tls-certificate PEM --tls-key PEM]`: serves gRPC's
/// interop suite until it is killed. Its first line says where it listens.
enum InteropServer {
    static func main(_ arguments: [String]) async -> Int32 {
        do {
            try await serve(
                InteropFlags(arguments, known: ["host", "port", "tls-certificate", "tls-key"]))
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
            host: flags["host"] ?? "127.0.0.1", port: flags.integer("port") ?? 0, tls: tls(flags))
        print("interop-server listens on \(address)")
        fflush(nil)
        try await server.run()
    }

    private static func tls(_ flags: InteropFlags) throws -> TLSContext? {
        guard let certificate = flags["tls-certificate"], let key = flags["tls-key"] else {
            return nil
        }
        return try TLSContext(
            .server, TLSConfiguration(certificateChain: certificate, privateKey: key))
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
