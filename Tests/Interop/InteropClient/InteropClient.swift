import GRPC
import IO
import InteropSupport

/// `interop-client --port N [--host HOST] [--tls-ca PEM] [--case NAME]`: runs gRPC's interop cases,
/// or one of them, against a server. Ends with 0 when all passed.
///
/// `--requests-seen raw` says that the server sees whether a request was compressed; `unpacked`, as
/// with Python's, that it doesn't, so that it can't refuse one.
enum InteropClient {
    static func main(_ arguments: [String]) async -> Int32 {
        do {
            let flags = try InteropFlags(
                arguments,
                known: [
                    "host", "port", "tls-ca", "case", "requests-seen", "rpc-soak", "channel-soak",
                ])
            return try await run(flags) ? 0 : 1
        } catch {
            print("interop-client: \(error)")
            return 2
        }
    }

    private static func run(_ flags: InteropFlags) async throws -> Bool {
        guard let port = try flags.integer("port") else {
            throw InteropFlags.Misuse("--port is missing")
        }
        let loops = try IOLoopGroup(count: 1, name: "interop")
        defer { loops.stop() }
        let configuration = try configuration(flags)
        let cases = InteropCases(
            connect: {
                ClientChannel(
                    host: flags["host"] ?? "127.0.0.1", port: port, loops: loops,
                    configuration: configuration)
            },
            seesCompression: flags["requests-seen"] != "unpacked",
            soakCalls: try flags.integer("rpc-soak") ?? 200,
            soakChannels: try flags.integer("channel-soak") ?? 50)
        let wanted = cases.all.filter { flags["case"] == nil || flags["case"] == $0.name }
        guard !wanted.isEmpty else { throw InteropFlags.Misuse("no such case") }
        var passed = true
        for (name, perform) in wanted {
            do {
                try await cases.withChannel(perform)
                print("passed \(name)")
            } catch {
                passed = false
                print("FAILED \(name): \(error)")
            }
        }
        return passed
    }

    private static func configuration(_ flags: InteropFlags) throws -> ClientConfiguration {
        var configuration = ClientConfiguration()
        if let issuer = flags["tls-ca"] {
            var tls = TLSConfiguration()
            tls.trustRoots = issuer
            configuration.tls = try TLSContext(.client, tls)
        }
        return configuration
    }
}
