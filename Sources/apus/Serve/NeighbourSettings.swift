import Events
import GRPC
import IO
import Neighbours

/// The neighbours that `apus serve` works with, and where they are.
struct NeighbourSettings: Sendable, Hashable {
    static let flags: [Flag] = [
        .value(
            "mcp-engine", "HOST:PORT",
            "The MCP Engine that answers chat messages; default: none."),
        .value(
            "security-hub", "HOST:PORT",
            "The Security Hub that is told what was published; default: none."),
    ]

    /// Where one neighbour is.
    struct Place: Sendable, Hashable {
        static let usualDeadline = Duration.seconds(5)

        var target: ClientTarget
        /// Nil: plaintext.
        var tls: TLS?
        var deadline = Self.usualDeadline

        /// - Throws: ``CommandFailure`` naming the file that is wrong.
        func configuration(_ name: String) throws(CommandFailure) -> NeighbourConfiguration {
            NeighbourConfiguration(
                target: target, tls: try tls?.context(name), serverName: tls?.serverName,
                deadline: deadline, clientVersion: Build.version)
        }
    }

    /// PEM files, and whose certificate to expect; nil is as the system has it.
    struct TLS: Sendable, Hashable {
        var issuers: String?
        var certificate: String?
        var key: String?
        var serverName: String?

        func context(_ name: String) throws(CommandFailure) -> TLSContext {
            var tls = TLSConfiguration()
            tls.trustRoots = issuers
            tls.certificateChain = certificate
            tls.privateKey = key
            do {
                return try TLSContext(.client, tls)
            } catch {
                throw CommandFailure("TLS of the neighbour \(name): \(error)")
            }
        }
    }

    var mcpEngine: Place?
    var securityHub: Place?
    /// What the Security Hub is told; empty: everything.
    var auditTypes: [TypePattern] = []

    init() {}

    /// The same, where the command line says nothing else.
    func with(_ flags: NeighbourSettings) -> NeighbourSettings {
        var settings = self
        for place in [\Self.mcpEngine, \Self.securityHub] {
            guard let flag = flags[keyPath: place] else { continue }
            settings[keyPath: place] = settings[keyPath: place] ?? flag
            settings[keyPath: place]?.target = flag.target
        }
        return settings
    }

    init(_ arguments: ParsedArguments) throws(UsageError) {
        mcpEngine = try Self.place(arguments, "mcp-engine")
        securityHub = try Self.place(arguments, "security-hub")
    }

    private static func place(
        _ arguments: ParsedArguments, _ flag: String
    ) throws(UsageError) -> Place? {
        guard let text = arguments.string(flag) else { return nil }
        guard let target = ClientTarget(text) else {
            throw UsageError("--\(flag) must be HOST:PORT, such as 127.0.0.1:50051")
        }
        return Place(target: target)
    }
}
