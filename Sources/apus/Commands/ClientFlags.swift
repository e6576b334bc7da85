import EventProtos
import Events
import GRPC
import IO
import Protobuf
import Telemetry

/// The flags that every client command takes, and the connection they describe.
struct ClientFlags: Sendable {
    static let defaultAddress = "127.0.0.1:50053"

    static let all = ownFlags + ClientTLS.flags

    private static let ownFlags: [Flag] = [
        .value(
            "address", "TARGET",
            "HOST:PORT, several with commas, or unix:PATH; default \(defaultAddress)."),
        .value("tenant", "NAME", "Whose events; default: what the server takes for one."),
        .value("timeout", "DURATION", "Gives up after so long; default 30s, none for streams."),
        .toggle("json", "Prints JSON, one object a line."),
    ]

    /// Nodes of one installation: the first that answers is used.
    let target: ClientTarget
    let tenant: String?
    let timeout: Duration?
    let json: Bool
    private let tls: ClientTLS

    init(_ arguments: ParsedArguments) throws(UsageError) {
        guard let target = ClientTarget(arguments.string("address") ?? Self.defaultAddress) else {
            throw UsageError("--address must be HOST:PORT or unix:PATH, such as 127.0.0.1:50053")
        }
        self.target = target
        tenant = arguments.string("tenant")
        if let tenant, TenantID(tenant) == nil {
            throw UsageError("--tenant must match [A-Za-z0-9._-]{1,64}")
        }
        timeout = try arguments.duration("timeout")
        json = arguments.isSet("json")
        tls = try ClientTLS(arguments)
    }

    /// For a call with one answer.
    var unary: CallOptions { options(timeout: timeout ?? .seconds(30)) }

    /// For a call that may go on.
    var streaming: CallOptions { options(timeout: timeout) }

    private func options(timeout: Duration?) -> CallOptions {
        var metadata = Metadata()
        if let tenant { metadata.append("x-tenant-id", tenant) }
        return CallOptions(metadata: metadata, timeout: timeout)
    }

    private static let configuration: ClientConfiguration = {
        var configuration = ClientConfiguration()
        configuration.loadBalancing = .pickFirst
        configuration.clientName = "apus"
        configuration.clientVersion = Build.version
        // Calls that change nothing, and publishing, whose events have their ids from us: those that
        // the service has stored already are not stored again. The same group may be made twice.
        typealias Methods = ApusV1.EventServiceMethods
        typealias Groups = ApusV1.GroupServiceMethods
        for method in [
            Methods.publish, Methods.subscribe, Methods.getEvent, Methods.listEvents,
            Methods.getReplay, Methods.listReplays, Methods.health, Groups.createGroup,
            Groups.getGroup, Groups.listGroups, ApusV1.HandlerServiceMethods.listDeadLetters,
        ] {
            configuration.retryPolicies[method.path] = RetryPolicy()
        }
        return configuration
    }()

    /// As ``withChannel(_:)``, with a client of the events.
    func withClient<Result: Sendable>(
        _ body: (ApusV1.EventServiceClient) async throws -> Result
    ) async throws -> Result {
        try await withChannel { try await body(ApusV1.EventServiceClient($0)) }
    }

    /// Connects, runs the command and closes the connection.
    func withChannel<Result: Sendable>(
        _ body: (ClientChannel) async throws -> Result
    ) async throws -> Result {
        let loops = try IOLoopGroup(count: 1)
        defer { loops.stop() }
        var configuration = Self.configuration
        configuration.tls = try tls.makeContext()
        configuration.serverName = tls.serverName
        let channel = ClientChannel(
            target, loops: loops, logger: Logger(label: "client", level: .error),
            configuration: configuration)
        do {
            let result = try await body(channel)
            await channel.close()
            return result
        } catch {
            await channel.close()
            throw error
        }
    }
}

/// `HOST:PORT` of a flag; IPv6 hosts in brackets.
enum HostPort {
    static func parse(_ text: String, flag: String) throws(UsageError) -> (host: String, port: Int)
    {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...])
        else {
            throw UsageError("--\(flag) must be HOST:PORT, such as 127.0.0.1:50053")
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { throw UsageError("--\(flag) names no host") }
        return (String(host), Int(port))
    }
}
