import EventService
import GRPC
import HTTP2
import PostgresLog

/// What clients may make a node hold and do, as flags.
enum LimitFlags {
    private static let usualLog = PostgresEventLog.Configuration()
    private static let usual = RPCServerConfiguration()

    static let flags: [Flag] = [
        .value(
            "max-waiting-events", "COUNT",
            "Published and not yet stored, on this node; default \(usualLog.maxWaitingEvents)."),
        .value(
            "max-waiting-bytes", "BYTES",
            "Of them; default \(usualLog.maxWaitingBytes). One tenant gets four fifths at most."),
        .value(
            "publish-patience", "DURATION",
            "How long a publish without a deadline waits for a database that is away;"
                + " default 5s."),
        .value(
            "max-connections", "COUNT",
            "Further ones are closed at once; default \(usual.maxConnections)."),
        .value(
            "max-connections-per-peer", "COUNT",
            "From one address (IPv6: one /64); default \(usual.maxConnectionsPerPeer),"
                + " without those of this machine, which count when this is set."),
        .value(
            "max-cut-offs", "COUNT",
            "Connections of one address, as counted above, that are cut off for what they do, and one"
                + " more each second; beyond it the next are closed at once; default"
                + " \(usual.cutOffBurst)."),
        .value(
            "max-concurrent-streams", "COUNT",
            "Calls of one connection; default \(usual.http2.maxConcurrentStreams)."),
        .value(
            "max-handlers", "COUNT",
            "Calls that run, also those their client gave up; default \(usual.maxHandlers)."),
        .value(
            "max-handlers-per-connection", "COUNT",
            "The same on one connection; default \(usual.maxHandlersPerConnection)."),
        .value(
            "max-memory-bytes", "BYTES",
            "Held for clients: requests that arrive or are worked on, responses that wait;"
                + " default \(usual.maxMemoryBytes)."),
        .value(
            "max-reading-bytes", "BYTES",
            "Events that look-ups (a quarter) and listings have read and not answered with; default"
                + " \(EventServiceServer.Limits().maxReadingBytes)."),
        .value(
            "handshake-timeout", "DURATION",
            "From a connection to its first SETTINGS, TLS included; default 10s."),
        .value(
            "max-handshakes", "COUNT",
            "TLS handshakes under way on one loop; beyond it the oldest is ended; default"
                + " \(usual.maxHandshakesPerLoop)."),
        .value(
            "keepalive-interval", "DURATION",
            "Silence after which a client is pinged; 0 never; default 60s."),
        .value("keepalive-timeout", "DURATION", "For its answer; default 20s."),
        .value(
            "min-ping-interval", "DURATION",
            "Clients that ping more often are cut off; default 10s."),
        .value(
            "progress-interval", "DURATION",
            "A request or an answer under way must move 32 KiB, or end, in each; default 30s."),
        .value(
            "max-connection-age", "DURATION",
            "When a connection is ended in good order, 10% more or less; default never."),
        .value("max-connection-age-grace", "DURATION", "For its calls to end; default 30s."),
        .value("max-connection-idle", "DURATION", "Without calls; default for ever."),
    ]

    static func configuration(
        _ arguments: ParsedArguments
    ) throws(UsageError) -> RPCServerConfiguration {
        var limits = RPCServerConfiguration()
        try set(&limits.maxConnections, arguments, "max-connections", 1...1_000_000)
        if let count = try arguments.integer("max-connections-per-peer", in: 1...1_000_000) {
            limits.maxConnectionsPerPeer = count
            limits.limitsLocalPeers = true
        }
        try set(&limits.cutOffBurst, arguments, "max-cut-offs", 1...1_000_000)
        try set(
            &limits.http2.maxConcurrentStreams, arguments, "max-concurrent-streams", 1...100_000)
        try set(&limits.maxHandlers, arguments, "max-handlers", 1...10_000_000)
        try set(
            &limits.maxHandlersPerConnection, arguments, "max-handlers-per-connection",
            1...1_000_000)
        try setBytes(&limits.maxMemoryBytes, arguments, "max-memory-bytes", (1 << 20)...(1 << 40))
        try set(&limits.handshakeTimeout, arguments, "handshake-timeout")
        try set(&limits.maxHandshakesPerLoop, arguments, "max-handshakes", 1...1_000_000)
        if let interval = try arguments.duration("keepalive-interval") {
            limits.http2.keepAliveInterval = interval == .zero ? nil : interval
        }
        try set(&limits.http2.keepAliveTimeout, arguments, "keepalive-timeout")
        try set(&limits.http2.minPingInterval, arguments, "min-ping-interval")
        try set(&limits.http2.progressInterval, arguments, "progress-interval")
        limits.http2.maxConnectionAge = try arguments.duration("max-connection-age")
        try set(&limits.http2.maxConnectionAgeGrace, arguments, "max-connection-age-grace")
        limits.http2.maxConnectionIdle = try arguments.duration("max-connection-idle")
        return limits
    }

    static func log(
        _ arguments: ParsedArguments
    ) throws(UsageError) -> PostgresEventLog.Configuration {
        var log = usualLog
        try set(&log.maxWaitingEvents, arguments, "max-waiting-events", 1...10_000_000)
        try setBytes(&log.maxWaitingBytes, arguments, "max-waiting-bytes", 1_024...(1 << 40))
        try set(&log.patience, arguments, "publish-patience")
        return log
    }

    static func service(
        _ arguments: ParsedArguments
    ) throws(UsageError) -> EventServiceServer.Limits {
        var limits = EventServiceServer.Limits()
        try setBytes(&limits.maxReadingBytes, arguments, "max-reading-bytes", (1 << 20)...(1 << 40))
        return limits
    }

    private static func set(
        _ value: inout Int, _ arguments: ParsedArguments, _ name: String, _ range: ClosedRange<Int>
    ) throws(UsageError) {
        if let given = try arguments.integer(name, in: range) { value = given }
    }

    private static func setBytes(
        _ value: inout Int, _ arguments: ParsedArguments, _ name: String, _ range: ClosedRange<Int>
    ) throws(UsageError) {
        if let given = try arguments.bytes(name, in: range) { value = given }
    }

    private static func set(
        _ value: inout Duration, _ arguments: ParsedArguments, _ name: String
    ) throws(UsageError) {
        guard let given = try arguments.duration(name) else { return }
        guard given > .zero else { throw UsageError("--\(name) must be above zero") }
        value = given
    }
}
