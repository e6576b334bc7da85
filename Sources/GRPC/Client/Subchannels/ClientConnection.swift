import HTTP2
import IO

/// One connection of a subchannel, from connect(2) until it is closed. On the loop's thread alone.
///
/// It is of use once the server's SETTINGS are here: something that accepts and then says nothing is
/// no server. `retire` keeps it for the calls it has and gives it no more.
final class ClientConnection: HTTP2ConnectionHandler {
    private enum Phase { case connecting, open, retired, closed }

    let address: SocketAddress
    private let owner: Subchannel
    private let core: ChannelCore
    private var phase = Phase.connecting
    private var connector: Connector?
    private var http2: HTTP2Connection?
    private var keepAlive: KeepAliveState?
    /// Of connecting, then of keep-alive.
    private var timer: IOTimer?
    private var health: HealthWatch?
    /// Streams that the server allows at once.
    private var maxStreams = 0
    /// Why it was given up; told to its calls.
    private(set) var closeReason: String?

    init(to address: SocketAddress, _ owner: Subchannel, _ core: ChannelCore) {
        self.address = address
        self.owner = owner
        self.core = core
    }

    func begin() {
        let timeout = core.configuration.connectTimeout
        timer = core.loop.schedule(after: timeout) { [self] in
            failed(IOError(.timedOut, operation: "connect").description)
        }
        do throws(IOError) {
            connector = try Connector(to: address, on: core.loop, timeout: timeout) { [self] in
                connector = nil
                switch $0 {
                case .success(let fd): connected(fd)
                case .failure(let error): failed(error.description)
                }
            }
        } catch {
            // As where the machine has no route at all for addresses of this kind.
            failed(error.description)
        }
    }

    private func connected(_ fd: Int32) {
        let configuration = core.configuration
        let connection = Connection(
            owning: fd, peer: address, loop: core.loop, tls: configuration.tls,
            serverName: configuration.tls == nil ? nil : core.serverName,
            handshakeTimeout: configuration.connectTimeout)
        guard phase == .connecting else { return connection.close() }
        do {
            http2 = try HTTP2Connection(
                .client, on: connection, configuration: configuration.http2, handler: self)
        } catch {
            connection.close()
            failed("\(error)")
        }
    }

    private func failed(_ reason: String) {
        guard phase == .connecting else { return }
        abandon()
        owner.attemptFailed(self, RPCError(.unavailable, "can't connect to \(address): \(reason)"))
    }

    /// Closes it at once; the owner hears no more of it.
    func abandon() {
        phase = .closed
        timer?.cancel()
        timer = nil
        connector?.cancel()
        connector = nil
        health?.stop()
        health = nil
        http2?.connection.close()
    }

    // MARK: Calls

    /// Where a request can go now; nil when there is no room, or the connection is on its way out.
    var session: HTTP2Session? {
        guard phase == .open, let session = http2?.session, session.streamCount < maxStreams else {
            return nil
        }
        return session
    }

    /// One of its streams is closed.
    func streamEnded() {
        if phase == .retired { closeWhenUnused() } else { core.roomMade() }
    }

    /// Takes no more calls; closes when those it has are over.
    func retire() {
        guard phase == .open else { return }
        phase = .retired
        health?.stop()
        health = nil
        closeWhenUnused()
    }

    /// Ends it with whatever is on it.
    func terminate() {
        retire()
        http2?.terminate(.noError)
    }

    /// It takes no more requests, and nobody said so: its stream numbers are used up.
    func exhausted() {
        guard phase == .open else { return }
        owner.lost(self)
        retire()
    }

    private func closeWhenUnused() {
        guard let session = http2?.session, session.streamCount == 0 else { return }
        http2?.terminate(.noError)
    }

    // MARK: From the server

    func makeStream() -> HTTP2Stream {
        // A server that pushes is refused by the settings: nothing asks for this.
        HTTP2Stream()
    }

    func settled() {
        maxStreams = http2?.session?.maxPeerStreams ?? 0
        guard phase == .connecting else { return core.roomMade() }
        phase = .open
        timer?.cancel()
        timer = nil
        startKeepAlive()
        owner.settled(self)
        guard phase == .open, let service = core.configuration.healthCheckedService else { return }
        health = HealthWatch(of: service, on: self, core)
        health?.begin()
    }

    func healthChanged(_ health: SubchannelState.Health) {
        owner.healthChanged(self, health)
    }

    func goingAway(_ code: HTTP2ErrorCode, reason: String) {
        if code == .enhanceYourCalm && reason.contains("too_many_pings") {
            core.pingLess()
        }
        let wasOpen = phase == .open
        closeReason = "the server went away: \(code)" + (reason.isEmpty ? "" : ", \(reason)")
        // In this order: a call that goes again at once must not come back here.
        if wasOpen { owner.lost(self) }
        retire()
    }

    func closed(_ reason: String?) {
        let phase = phase
        guard phase != .closed else { return }
        if phase == .connecting { return failed(reason ?? "closed by the server") }
        abandon()
        if phase == .open { owner.lost(self) }
        owner.closed(self, reason)
    }

    // MARK: Keep-alive

    private func startKeepAlive() {
        guard let configuration = core.keepAlive else { return }
        keepAlive = KeepAliveState(configuration)
        perform(.wait(configuration.interval))
    }

    func pong() {
        guard let action = keepAlive?.answered() else { return }
        perform(action)
    }

    private func keepAliveDue() {
        guard let http2, let session = http2.session,
            let action = keepAlive?.timePassed(
                reads: http2.reads, hasCalls: session.streamCount > 0)
        else { return }
        perform(action)
    }

    private func perform(_ action: KeepAliveState.Action) {
        timer?.cancel()
        timer = nil
        guard phase == .open || phase == .retired else { return }
        switch action {
        case .ping(let wait):
            core.statistics.pings += 1
            http2?.ping()
            perform(.wait(wait))
        case .wait(let wait):
            timer = core.loop.schedule(after: wait) { [self] in keepAliveDue() }
        case .dead:
            closeReason = "the server did not answer a ping"
            http2?.connection.close(IOError(.timedOut, operation: "keep-alive"))
        }
    }
}
