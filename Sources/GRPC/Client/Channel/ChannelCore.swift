import HTTP2
import IO
import Telemetry

/// What a channel knows and does, on its loop's thread alone. ``ClientChannel`` tells the whole story;
/// ``ChannelDoor`` is the way in from elsewhere.
final class ChannelCore {
    let loop: IOLoop
    let target: ClientTarget
    let configuration: ClientConfiguration
    let logger: Logger
    /// Sent with every request.
    let fixed: FixedHeaders
    let common: HeaderFields
    /// Whom a TLS server must prove to be.
    let serverName: String
    /// For new connections: a server may have asked for fewer pings.
    private(set) var keepAlive: ClientConfiguration.KeepAlive?
    var tokens: RetryTokens
    /// Held by all calls.
    var replayBytes = 0
    var statistics = ChannelStatistics()
    /// What the door's own methods need: set by it before anything else.
    weak var door: ChannelDoor?

    private var calls = CallTable()
    private var waiting = WaitingCalls()
    private var picker = Picker(start: Int.random(in: 0..<1_024))
    var subchannels: [Subchannel] = []
    var resolution: ResolutionState
    var resolutionFailure: RPCError?
    var resolutionTimer: IOTimer?
    /// What a look-up that is under way answers to; another number is of one that was forgotten.
    var resolutionRound = 0
    private(set) var phase = Phase.idle
    private var idleTimer: IOTimer?
    private var callsBegun = 0

    enum Phase { case idle, active, closed }

    init(
        _ target: ClientTarget, loop: IOLoop, configuration: ClientConfiguration, logger: Logger
    ) {
        self.target = target
        self.loop = loop
        self.configuration = configuration
        self.logger = logger.with([.address: .init(target.description)])
        keepAlive = configuration.keepAlive
        tokens = RetryTokens(configuration.retryBudget)
        resolution = ResolutionState(
            interval: configuration.resolutionInterval,
            backOff: BackOff(first: configuration.firstBackOff, most: configuration.maxBackOff))
        fixed = FixedHeaders([
            ":method": "POST", ":scheme": configuration.tls == nil ? "http" : "https",
        ])
        let authority = configuration.authority ?? target.authority
        serverName = configuration.serverName ?? ClientTarget.host(of: authority)
        var common = HeaderFields()
        common.append(":authority", authority)
        common.append("te", "trailers")
        common.append("content-type", "application/grpc")
        common.append("grpc-accept-encoding", "\(AcceptedEncodings.ours)")
        common.append("user-agent", configuration.userAgent)
        var client = Metadata()
        if !configuration.clientName.isEmpty {
            client.append("client-name", configuration.clientName)
        }
        if !configuration.clientVersion.isEmpty {
            client.append("client-version", configuration.clientVersion)
        }
        common.append(contentsOf: client.fields)
        self.common = common
    }

    // MARK: Calls

    /// Opens a call; what is sent before there is a connection waits.
    func open(_ method: RPCMethod, _ options: CallOptions) -> OutgoingCall {
        let call = OutgoingCall(method, options, self)
        call.id = calls.insert(call)
        callsBegun &+= 1
        call.startDeadline()
        route(call)
        return call
    }

    func call(_ id: UInt64) -> OutgoingCall? { calls[id] }

    /// The caller has left its scope: what is left of the call is cancelled, and forgotten.
    func leave(_ call: OutgoingCall) {
        calls.remove(call.id)
        call.giveUp(RPCError(.cancelled, "cancelled"))
    }

    /// Gives a call a connection, or lets it wait for one.
    func route(_ call: OutgoingCall) {
        guard phase != .closed else {
            return call.giveUp(RPCError(.unavailable, "the channel is closed"))
        }
        while true {
            switch picker.pick() {
            case .connection(let connection, let session):
                if start(call, on: connection, session) { return }
            case .wait:
                waiting.append(call)
                return exitIdle()
            case .fail(let error):
                guard call.options.waitForReady else { return call.failed(error) }
                return waiting.append(call)
            }
        }
    }

    /// - Returns: False when the connection takes no request after all.
    private func start(
        _ call: OutgoingCall, on connection: ClientConnection, _ session: HTTP2Session
    ) -> Bool {
        do {
            try call.start(on: connection, session)
            return true
        } catch {
            connection.exhausted()
            return false
        }
    }

    func forgetWaiting(_ call: OutgoingCall) {
        waiting.remove(call)
    }

    /// There is a connection with room, perhaps.
    func roomMade() {
        while !waiting.isEmpty, case .connection(let connection, let session) = picker.pick() {
            guard let call = waiting.popFirst() else { return }
            if !start(call, on: connection, session) { route(call) }
        }
    }

    private func failWaiting(_ error: RPCError) {
        for call in waiting.takeAll() {
            if call.options.waitForReady { waiting.append(call) } else { call.failed(error) }
        }
    }

    /// What keeps a call from being answered, as far as the channel knows.
    func reasonToWait(_ call: OutgoingCall) -> RPCError? {
        call.waitingPlace == nil ? nil : picker.error
    }

    func retryPolicy(of call: OutgoingCall) -> RetryPolicy? {
        call.options.retry ?? configuration.retryPolicies[call.method.path]
    }

    // MARK: Connections

    /// Something about the subchannels has changed: calls that wait may go, or must fail.
    func connectivityChanged() {
        picker.update(subchannels, resolution: resolutionFailure)
        if picker.readyCount > 0 {
            roomMade()
        } else if let error = picker.error {
            failWaiting(error)
        }
    }

    /// Pings came too often for a server.
    func pingLess() {
        keepAlive?.interval *= 2
        logger.warning(
            "A server finds keep-alive pings too frequent",
            [.delay: .init(keepAlive?.interval ?? .zero)])
    }

    var hasWaitingCalls: Bool { !waiting.isEmpty }

    var state: ChannelState {
        if phase == .closed { return .shutDown }
        if phase == .idle { return .idle }
        if picker.readyCount > 0 { return .ready }
        if picker.error != nil { return .transientFailure }
        let isIdle = !subchannels.isEmpty && subchannels.allSatisfy { $0.connectivity == .idle }
        return isIdle ? .idle : .connecting
    }

    var currentStatistics: ChannelStatistics {
        var statistics = statistics
        statistics.openCalls = calls.count
        statistics.waitingCalls = waiting.count
        statistics.replayBytes = replayBytes
        return statistics
    }

    // MARK: Idle, active, closed

    /// A call needs a connection.
    func exitIdle() {
        if phase == .idle {
            phase = .active
            startIdleTimer()
            begin()
        }
        // With pick-first a lost connection is made again when there is a call for it.
        for subchannel in subchannels { subchannel.connect() }
    }

    /// Looks from time to time whether there was a call: a timer for each call would cost more.
    private func startIdleTimer() {
        guard let timeout = configuration.idleTimeout else { return }
        let begun = callsBegun
        idleTimer = loop.schedule(after: timeout) { [self] in
            if calls.count == 0 && callsBegun == begun { becomeIdle() } else { startIdleTimer() }
        }
    }

    private func becomeIdle() {
        logger.debug("Closes its connections: nobody calls", [:])
        phase = .idle
        idleTimer = nil
        forgetAddresses { $0.shutDown() }
    }

    func close() {
        phase = .closed
        idleTimer?.cancel()
        idleTimer = nil
        for call in calls.all { call.giveUp(RPCError(.unavailable, "the channel is closed")) }
        forgetAddresses { $0.close() }
    }
}
