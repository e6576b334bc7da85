import HTTP2
import IO
import Telemetry

/// A channel's calls and the connection they share, pinned to a loop.
///
/// Connecting is lazy. Calls wait for the first attempt; when it fails they fail with it, but for
/// those that wait for ready, and the next attempt comes after the back-off. (Several addresses in
/// turn, retries and keep-alive go here.)
actor ClientTransport {
    private enum Phase {
        case idle
        case connecting
        case ready(HTTP2Connection)
        case backingOff(RPCError)
        case closed
    }

    nonisolated let loop: IOLoop
    private let host: String
    private let port: Int
    let configuration: ClientConfiguration
    private let logger: Logger
    private let common: HeaderFields
    private var phase = Phase.idle
    private var calls: [UInt64: ClientStream] = [:]
    /// Calls that wait for a connection, in order.
    private var waiting: [ClientStream] = []
    /// Also those that only end their calls.
    private var connections: [ObjectIdentifier: HTTP2Connection] = [:]
    private var connector: Connector?
    private var backOff: BackOff
    private var backOffTimer: IOTimer?
    private var nextCall: UInt64 = 0
    private var nextToken: UInt64 = 0

    private static let fixed = FixedHeaders([":method": "POST", ":scheme": "http"])

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(
        host: String, port: Int, loop: IOLoop, configuration: ClientConfiguration, logger: Logger
    ) {
        self.host = host
        self.port = port
        self.loop = loop
        self.configuration = configuration
        self.logger = logger.with([.address: .init("\(host):\(port)")])
        backOff = BackOff(first: configuration.firstBackOff, most: configuration.maxBackOff)
        var common = HeaderFields()
        common.append(":authority", "\(host):\(port)")
        common.append("te", "trailers")
        common.append("content-type", "application/grpc")
        common.append("grpc-accept-encoding", "\(AcceptedEncodings.ours)")
        common.append("user-agent", configuration.userAgent)
        self.common = common
    }

    // MARK: Calls

    /// Opens a call; what is sent before there is a connection waits.
    func open(_ method: RPCMethod, _ options: CallOptions) -> ClientStream {
        nextCall += 1
        let stream = ClientStream(call: nextCall, method, options, configuration)
        calls[stream.call] = stream
        stream.whenEnded = { [self] call in
            assumeIsolated { $0.ended(call) }
        }
        stream.startDeadline(on: loop)
        switch phase {
        case .ready(let connection): submit(stream, on: connection)
        case .backingOff(let error) where !options.waitForReady: stream.giveUp(error)
        case .closed: stream.giveUp(RPCError(.unavailable, "the channel is closed"))
        case .connecting, .backingOff: waiting.append(stream)
        case .idle:
            waiting.append(stream)
            connect()
        }
        return stream
    }

    func stream(_ call: UInt64) -> ClientStream? { calls[call] }

    /// Tells a late cancellation from the next one who waits.
    func makeToken() -> UInt64 {
        nextToken += 1
        return nextToken
    }

    /// The caller has left its scope: what is left of the call is cancelled, and forgotten.
    func leave(_ call: UInt64) {
        guard let stream = calls.removeValue(forKey: call) else { return }
        stream.giveUp(RPCError(.cancelled, "cancelled"))
    }

    /// It stays known, for what it received and for its status, until its caller leaves.
    private func ended(_ call: UInt64) {
        waiting.removeAll { $0.call == call }
    }

    private func submit(_ stream: ClientStream, on connection: HTTP2Connection) {
        guard !stream.isEnded else { return }
        guard let session = connection.session else {
            return stream.giveUp(RPCError(.unavailable, "connection lost"))
        }
        do throws(HTTP2Error) {
            try session.request(
                stream, Self.fixed, stream.requestFields(common: common), end: false)
        } catch {
            stream.giveUp(RPCError(.unavailable, error.description))
        }
    }

    // MARK: The connection

    private func connect() {
        phase = .connecting
        backOffTimer = nil
        Resolver.addresses(host: host, port: port, on: loop) { [self] result in
            assumeIsolated { transport in
                switch result {
                case .success(let addresses): transport.connect(to: addresses[...])
                case .failure(let error): transport.failed(error)
                }
            }
        }
    }

    private func connect(to addresses: ArraySlice<SocketAddress>) {
        guard case .connecting = phase, let address = addresses.first else { return }
        do throws(IOError) {
            connector = try Connector(
                to: address, on: loop, timeout: configuration.connectTimeout
            ) { [self] result in
                assumeIsolated { transport in
                    transport.connector = nil
                    switch result {
                    case .success(let fd): transport.connected(fd, address)
                    case .failure(let error): transport.failed(error, orTry: addresses.dropFirst())
                    }
                }
            }
        } catch {
            // As where the machine has no route at all for addresses of this kind.
            failed(error, orTry: addresses.dropFirst())
        }
    }

    private func failed(_ error: IOError, orTry others: ArraySlice<SocketAddress>) {
        if others.isEmpty { failed(error) } else { connect(to: others) }
    }

    private func connected(_ fd: Int32, _ peer: SocketAddress) {
        let connection = Connection(owning: fd, peer: peer, loop: loop)
        guard case .connecting = phase else { return connection.close() }
        do {
            let events = ConnectionEvents(self)
            let http2 = try HTTP2Connection(
                .client, on: connection, configuration: configuration.http2, handler: events)
            events.connection = ObjectIdentifier(http2)
            connections[ObjectIdentifier(http2)] = http2
            phase = .ready(http2)
            backOff.reset()
            logger.debug("Connected", [.peer: .init("\(peer)")])
            let waiting = waiting
            self.waiting = []
            for stream in waiting { submit(stream, on: http2) }
        } catch {
            connection.close()
            failed(IOError(.other, operation: "start of the connection"))
        }
    }

    private func failed(_ error: IOError) {
        guard case .connecting = phase else { return }
        let wait = backOff.next()
        logger.debug("Can't connect", [.error: .init(error), .delay: .init(wait)])
        let status = RPCError(.unavailable, "can't connect to \(host):\(port): \(error)")
        phase = .backingOff(status)
        backOffTimer = loop.schedule(after: wait) { [self] in
            assumeIsolated { $0.backedOff() }
        }
        for stream in waiting where !stream.options.waitForReady { stream.giveUp(status) }
    }

    private func backedOff() {
        guard case .backingOff = phase else { return }
        backOffTimer = nil
        phase = .idle
        if !waiting.isEmpty { connect() }
    }

    /// No new calls on that connection; its open ones go on.
    fileprivate func goingAway(_ connection: ObjectIdentifier) {
        if case .ready(let current) = phase, ObjectIdentifier(current) == connection {
            phase = .idle
        }
    }

    fileprivate func closed(_ connection: ObjectIdentifier, _ reason: String?) {
        goingAway(connection)
        connections[connection] = nil
        logger.debug("Connection closed", [.reason: .init(reason ?? "end")])
        if case .idle = phase, !waiting.isEmpty { connect() }
    }

    func close() {
        phase = .closed
        connector?.cancel()
        connector = nil
        backOffTimer?.cancel()
        backOffTimer = nil
        for stream in calls.values {
            stream.giveUp(RPCError(.unavailable, "the channel is closed"))
        }
        for connection in connections.values { connection.terminate(.noError) }
    }
}

/// Hears of one connection for the transport. On the loop's thread alone.
private final class ConnectionEvents: HTTP2ConnectionHandler {
    private let transport: ClientTransport
    var connection: ObjectIdentifier?

    init(_ transport: ClientTransport) { self.transport = transport }

    /// A server that pushes is refused by the settings: nothing asks for this.
    func makeStream() -> HTTP2Stream { HTTP2Stream() }

    func goingAway(_ code: HTTP2ErrorCode, reason: String) {
        guard let connection else { return }
        transport.assumeIsolated { $0.goingAway(connection) }
    }

    func closed(_ reason: String?) {
        guard let connection else { return }
        transport.assumeIsolated { $0.closed(connection, reason) }
    }
}
