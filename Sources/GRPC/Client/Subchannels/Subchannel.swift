import HTTP2
import IO
import Telemetry

/// Performs what a subchannel's state decides: attempts, the connection that came of one, and those
/// that only end their calls. On the loop's thread alone.
final class Subchannel {
    let addresses: [SocketAddress]
    private let core: ChannelCore
    private var state: SubchannelState
    private var attempts: [ClientConnection] = []
    private(set) var current: ClientConnection?
    private var retired: [ClientConnection] = []
    /// Of waiting, or until the next address is tried as well.
    private var timer: IOTimer?

    init(_ addresses: [SocketAddress], _ core: ChannelCore) {
        self.addresses = addresses
        self.core = core
        let configuration = core.configuration
        state = SubchannelState(
            addressCount: addresses.count,
            checksHealth: configuration.healthCheckedService != nil,
            backOff: BackOff(first: configuration.firstBackOff, most: configuration.maxBackOff))
    }

    var connectivity: SubchannelState.Connectivity { state.connectivity }

    func connect() {
        perform(state.wanted())
    }

    /// Takes no more calls; those it has go on.
    func shutDown() {
        state.shutDown()
        stopTrying()
        current?.retire()
        if let current { retired.append(current) }
        current = nil
    }

    /// Ends the connections with the calls on them.
    func close() {
        shutDown()
        let retired = retired
        self.retired = []
        for connection in retired { connection.terminate() }
    }

    private func stopTrying() {
        timer?.cancel()
        timer = nil
        let attempts = attempts
        self.attempts = []
        for attempt in attempts { attempt.abandon() }
    }

    private func perform(_ action: SubchannelState.Action) {
        switch action {
        case .none: return
        case .connect(let index):
            let attempt = ClientConnection(to: addresses[index], self, core)
            attempts.append(attempt)
            startTimer(core.configuration.attemptDelay) { $0.delayed() }
            // Last: it may fail on the spot, and the next one is tried then.
            attempt.begin()
        case .wait(let wait):
            core.logger.debug("Waits before it connects", [.delay: .init(wait)])
            startTimer(wait) { $0.waited() }
        case .use: stopTrying()
        }
    }

    private func startTimer(
        _ wait: Duration, then event: @escaping (inout SubchannelState) -> SubchannelState.Action
    ) {
        timer?.cancel()
        timer = core.loop.schedule(after: wait) { [self] in
            timer = nil
            perform(event(&state))
        }
    }

    // MARK: From its connections

    func attemptFailed(_ connection: ClientConnection, _ error: RPCError) {
        attempts.removeAll { $0 === connection }
        core.logger.debug("Can't connect", [.error: .init(error)])
        core.statistics.connectsFailed += 1
        perform(state.attemptFailed(error))
        core.subchannelChanged(self)
    }

    func settled(_ connection: ClientConnection) {
        attempts.removeAll { $0 === connection }
        current = connection
        core.logger.debug("Connected", [.peer: .init("\(connection.address)")])
        core.statistics.connected += 1
        perform(state.settled(at: .now))
        core.subchannelChanged(self)
    }

    func healthChanged(_ connection: ClientConnection, _ health: SubchannelState.Health) {
        guard connection === current else { return }
        state.told(health)
        core.subchannelChanged(self)
    }

    /// It takes no more calls.
    func lost(_ connection: ClientConnection) {
        guard connection === current else { return }
        current = nil
        retired.append(connection)
        perform(state.lost(at: .now))
        core.subchannelChanged(self)
    }

    func closed(_ connection: ClientConnection, _ reason: String?) {
        retired.removeAll { $0 === connection }
        core.logger.debug(
            "Connection closed",
            [
                .peer: .init("\(connection.address)"),
                .reason: .init(connection.closeReason ?? reason ?? "end"),
            ])
    }
}
